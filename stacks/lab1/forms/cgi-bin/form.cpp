// One form answered by a C++ program (CGI 1.1, RFC 3875; form encoding: WHATWG URL, part 5).
// It is compiled on this machine and served as /cgi-bin/form.cgi; <iostream> would double the time.
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>
using std::string;

const long long limit = 4096;

string variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

[[noreturn]] void fail(const char *status, const char *header = "") {
    while (getchar() != EOF) {}  // whoever hands the body over must get rid of it
    printf("Status: %s\r\nContent-Type: text/plain\r\n%s\r\n%s\n", status, header, status);
    exit(0);
}

string decoded(const string &text) {  // as it is written inside HTML
    string out, hex = "0123456789abcdefABCDEF";
    for (size_t i = 0; i < text.size(); i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%' && i + 2 < text.size() && text.find_first_not_of(hex, i + 1) > i + 2)
            c = (char)stoi(text.substr(i + 1, 2), nullptr, 16), i += 2;
        out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;"
             : c == '\0' ? "\xef\xbf\xbd" : string(1, c);  // no NUL in HTML: U+FFFD
    }
    return out;
}

int main() {
    string method = variable("REQUEST_METHOD"), data = variable("QUERY_STRING"), rows;
    string from = "the variable <code>QUERY_STRING</code>";
    if (method == "POST") {
        string form = "application/x-www-form-urlencoded", length = variable("CONTENT_LENGTH");
        if (variable("CONTENT_TYPE").compare(0, form.size(), form)) fail("415 Unsupported Media Type");
        if (length.size() > 15 || length.find_first_not_of("0123456789") != string::npos)
            fail("400 Bad Request");
        if (atoll(length.c_str()) > limit) fail("413 Content Too Large");
        data.resize(atoll(length.c_str()));
        data.resize(fread(&data[0], 1, data.size(), stdin));
        from = "standard input, <code>CONTENT_LENGTH</code> bytes of it";
    } else if (method != "GET" && method != "HEAD") {
        fail("405 Method Not Allowed", "Allow: GET, HEAD, POST\r\n");
    }
    if ((long long)data.size() > limit) fail("414 URI Too Long");
    for (size_t start = 0, end = 0; end != string::npos; start = end + 1) {  // name=value&name=value
        end = data.find('&', start);
        string field = data.substr(start, end - start), name = field.substr(0, field.find('='));
        string value = name.size() < field.size() ? field.substr(name.size() + 1) : "";
        if (!field.empty())
            rows += "<tr><td>" + decoded(name) + "</td><td>" + decoded(value) + "</td></tr>\n";
    }
    std::wstring wide(rows.size(), L'\0');
    if (!setlocale(LC_CTYPE, "C.UTF-8") || mbstowcs(&wide[0], rows.c_str(), wide.size()) == (size_t)-1)
        fail("400 Bad Request");
    for (wchar_t c : wide)
        if (c > 0x10ffff) fail("400 Bad Request");  // beyond Unicode
    string page = "Content-Type: text/html; charset=utf-8\r\n\r\n"
        "<!DOCTYPE html>\n<html lang=\"en\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>Answer</title>\n"
        "<link rel=\"stylesheet\" href=\"/style.css\">\n<h1>Answered by the C++ program</h1>\n<p>" +
        method + ": " + std::to_string(data.size()) + " bytes, from " + from + ".</p>\n<table>\n" +
        rows + "</table>\n<p><a href=\"/\">Back to the form</a></p>\n";
    fwrite(page.data(), 1, page.size(), stdout);
}
