#!/usr/bin/tclsh
# One form answered by a Tcl program (CGI 1.1, RFC 3875; form encoding: WHATWG URL, part 5).
# What a visitor sent is never given to eval, subst, expr or exec: [exec id] stays a text.
encoding system iso8859-1 ;# strings stay bytes from end to end
fconfigure stdin -translation binary
fconfigure stdout -translation binary

set limit 4096
set utf8 {(?x)^(?: [\u0001-\u007f] | [\u00c2-\u00df][\u0080-\u00bf]
    | \u00e0[\u00a0-\u00bf][\u0080-\u00bf] | [\u00e1-\u00ec\u00ee\u00ef][\u0080-\u00bf]{2}
    | \u00ed[\u0080-\u009f][\u0080-\u00bf] | \u00f0[\u0090-\u00bf][\u0080-\u00bf]{2}
    | [\u00f1-\u00f3][\u0080-\u00bf]{3}    | \u00f4[\u0080-\u008f][\u0080-\u00bf]{2} )*$}

proc fail {status {header ""}} {
    read stdin ;# whoever hands the body over must get rid of it
    puts "Status: $status\r\nContent-Type: text/plain\r\n$header\r\n$status"
    exit
}
proc variable_of {name} {
    return [expr {[info exists ::env($name)] ? $::env($name) : ""}]
}
proc decode {text} { ;# string map goes over the text once, from left to right
    set map {+ { }}
    foreach {escape hex} [regexp -all -inline {%([0-9A-Fa-f]{2})} $text] {
        dict set map $escape [format %c 0x$hex]
    }
    return [string map {\u0000 \u00ef\u00bf\u00bd} [string map $map $text]] ;# no NUL in HTML
}
proc escape {text} {
    return [string map {& &amp; < &lt; > &gt; \" &quot;} $text]
}

set method [variable_of REQUEST_METHOD]
set data [variable_of QUERY_STRING]
set from "the variable <code>QUERY_STRING</code>"
if {$method eq "POST"} {
    set form application/x-www-form-urlencoded*
    set length 0[variable_of CONTENT_LENGTH]
    if {![string match $form [variable_of CONTENT_TYPE]]} { fail "415 Unsupported Media Type" }
    if {![regexp {^[0-9]{1,16}$} $length]} { fail "400 Bad Request" }
    if {[scan $length %lld] > $limit} { fail "413 Content Too Large" }
    set data [read stdin [scan $length %lld]]
    set from "standard input, <code>CONTENT_LENGTH</code> bytes of it"
} elseif {$method ni {GET HEAD}} {
    fail "405 Method Not Allowed" "Allow: GET, HEAD, POST\r\n"
}
if {[string length $data] > $limit} { fail "414 URI Too Long" }

set rows ""
foreach field [split $data &] { ;# name=value&name=value
    if {$field eq ""} continue
    regexp {^([^=]*)=?(.*)$} $field -> name value
    append rows "<tr><td>[escape [decode $name]]</td><td>[escape [decode $value]]</td></tr>\n"
}
if {![regexp $utf8 $rows]} { fail "400 Bad Request" }

puts "Content-Type: text/html; charset=utf-8\r\n\r
<!DOCTYPE html>
<html lang=\"en\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Answer</title>
<link rel=\"stylesheet\" href=\"/style.css\">
<h1>Answered by the Tcl program</h1>
<p>$method: [string length $data] bytes, from $from.</p>
<table>
$rows</table>
<p><a href=\"/\">Back to the form</a></p>"
