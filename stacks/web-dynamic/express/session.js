// Who somebody is, in a cookie that this application has signed: whoever changes it is nobody.
'use strict';
const crypto = require('crypto');

const NAME = 'session';
const KEY = process.env.SECRET_KEY;

const signature = (text) => crypto.createHmac('sha256', KEY).update(text).digest('base64url');

function same(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

function read(cookies) {
  const pairs = (cookies || '').split(/; */).map((pair) => pair.split('='));
  const [, value] = pairs.find(([name]) => name === NAME) || [];
  const [text, sign] = (value || '').split('.');
  if (!text || !sign || !same(sign, signature(text))) return {};
  return JSON.parse(Buffer.from(text, 'base64url').toString());
}

function write(response, session) {
  const text = Buffer.from(JSON.stringify(session)).toString('base64url');
  response.cookie(NAME, `${text}.${signature(text)}`, {
    httpOnly: true, secure: true, sameSite: 'lax', encode: String,
  });
}

module.exports = { read, same, write };
