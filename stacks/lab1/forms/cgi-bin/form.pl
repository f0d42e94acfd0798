#!/usr/bin/perl
# One form answered by a Perl program (CGI 1.1, RFC 3875; form encoding: WHATWG URL, part 5).
# The strings stay bytes from end to end: in, checked to be UTF-8, out.
use strict;
use warnings;

my $LIMIT  = 4096;
my %ENTITY = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');

sub fail {
    my ($status, $header) = (@_, '');
    1 while read STDIN, my $rest, 4096;    # whoever hands the body over must get rid of it
    print "Status: $status\r\nContent-Type: text/plain\r\n$header\r\n$status\n";
    exit;
}

sub decode {
    my ($text) = @_;
    $text =~ tr/+/ /;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $text =~ s/\0/\xef\xbf\xbd/gr;    # HTML cannot hold a NUL: U+FFFD stands for it
}

sub is_utf8 {
    my ($text) = @_;
    return utf8::decode($text) && $text !~ /[^\0-\x{d7ff}\x{e000}-\x{10ffff}]/;
}

my ($method, $data) = ($ENV{REQUEST_METHOD} // '', $ENV{QUERY_STRING} // '');
my $from = 'the variable <code>QUERY_STRING</code>';
if ($method eq 'POST') {
    my ($type, $length) = ($ENV{CONTENT_TYPE} // '', $ENV{CONTENT_LENGTH} || 0);
    fail('415 Unsupported Media Type') if $type !~ m{\Aapplication/x-www-form-urlencoded};
    fail('400 Bad Request')            if $length !~ /\A[0-9]{1,15}\z/;
    fail('413 Content Too Large')      if $length > $LIMIT;
    read STDIN, $data, $length;
    $from = 'standard input, <code>CONTENT_LENGTH</code> bytes of it';
} elsif ($method ne 'GET' and $method ne 'HEAD') {
    fail('405 Method Not Allowed', "Allow: GET, HEAD, POST\r\n");
}
fail('414 URI Too Long') if length $data > $LIMIT;

my $rows = '';
for my $field (grep { length } split /&/, $data) {    # name=value&name=value
    my ($name, $value) = map { decode($_) =~ s/([&<>"])/$ENTITY{$1}/gr } split(/=/, $field, 2), '';
    $rows .= "<tr><td>$name</td><td>$value</td></tr>\n";
}
fail('400 Bad Request') if !is_utf8($rows);

print "Content-Type: text/html; charset=utf-8\r\n\r\n", <<"END";
<!DOCTYPE html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Answer</title>
<link rel="stylesheet" href="/style.css">
<h1>Answered by the Perl program</h1>
<p>$method: @{[length $data]} bytes, from $from.</p>
<table>
$rows</table>
<p><a href="/">Back to the form</a></p>
END
