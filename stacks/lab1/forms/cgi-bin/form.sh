#!/bin/bash
# One form answered by a shell program (CGI 1.1, RFC 3875; form encoding: WHATWG URL, part 5).
# What a visitor sent is only ever a quoted value: no eval, and the one unquoted expansion, which
# splits on "&", runs with file name patterns switched off (set -f).
set -uf
export LC_ALL=C
limit=4096
method=${REQUEST_METHOD:-} query=${QUERY_STRING:-}

fail() { # status, more headers
    cat >/dev/null # whoever hands the body over must not find the door closed
    printf 'Status: %s\r\nContent-Type: text/plain\r\n%b\r\n%s\n' "$1" "${2:-}" "$1"
    exit
}
escape() { # sets $escaped to the argument as it is written inside HTML
    escaped=${1//'&'/'&amp;'} escaped=${escaped//'<'/'&lt;'}
    escaped=${escaped//'>'/'&gt;'} escaped=${escaped//'"'/'&quot;'}
}

case $method in
GET | HEAD)
    length=${#query} from='the variable <code>QUERY_STRING</code>'
    ((length <= limit)) || fail '414 URI Too Long' ;;
POST)
    length=${CONTENT_LENGTH:-0} from='standard input, <code>CONTENT_LENGTH</code> bytes of it'
    [[ ${CONTENT_TYPE:-} == application/x-www-form-urlencoded* ]] || fail '415 Unsupported Media Type'
    [[ $length =~ ^[0-9]{1,15}$ ]] || fail '400 Bad Request'
    ((10#$length <= limit)) || fail '413 Content Too Large' ;;
*)
    fail '405 Method Not Allowed' 'Allow: GET, HEAD, POST\r\n' ;;
esac

# %41 becomes \x41 (and a NUL, which HTML cannot hold, U+FFFD); printf %b makes it a byte below.
decoding='s/\\/\\\\/g; s/+/ /g; s/\x00\|%00/\\xEF\\xBF\\xBD/g; s/%\([0-9A-Fa-f]\{2\}\)/\\x\1/g'
case $method in
POST) fields=$(head -c "$length" | sed "$decoding") ;;
*) fields=$(printf '%s' "$query" | sed "$decoding") ;;
esac

rows='' IFS='&'
for field in $fields; do # name=value&name=value
    case $field in '') continue ;; *=*) ;; *) field+='=' ;; esac
    printf -v name '%b' "${field%%=*}" && escape "$name" && name=$escaped
    printf -v value '%b' "${field#*=}" && escape "$value" && value=$escaped
    rows+="<tr><td>$name</td><td>$value</td></tr>"$'\n'
done
# UTF-16 has no more characters than Unicode, which iconv's UTF-8 has.
printf '%s' "$rows" | iconv -f UTF-8 -t UTF-16 >/dev/null 2>&1 || fail '400 Bad Request'

printf 'Content-Type: text/html; charset=utf-8\r\n\r\n'
cat <<END
<!DOCTYPE html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Answer</title>
<link rel="stylesheet" href="/style.css">
<h1>Answered by the shell program</h1>
<p>$method: $((10#$length)) bytes, from $from.</p>
<table>
$rows</table>
<p><a href="/">Back to the form</a></p>
END
