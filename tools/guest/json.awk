# Flattens one JSON document to lines "path<TAB>text" ("meta.colour<TAB>blue", "keys.0.name<TAB>mine"),
# so that shell can read a config drive. Control characters in a text become spaces,
# and spaces at its end are dropped.
{ text = text $0 "\n" }
END { at = 1; value("") }

function blank() { while (substr(text, at, 1) ~ /[ \t\r\n]/) at++ }
function join(path, name) { return path == "" ? name : path "." name }

function quoted(   out, mark) {
  at++
  while ((mark = substr(text, at, 1)) != "\"" && mark != "") {
    if (mark == "\\") {
      mark = substr(text, ++at, 1)
      if (mark == "u") { mark = "?"; at += 4 }
      else if (mark ~ /[bfnrt]/) mark = " "
    }
    out = out (mark ~ /[\t\r\n]/ ? " " : mark)
    at++
  }
  at++
  sub(/ +$/, "", out)
  return out
}

function value(path,   mark, name, place, from) {
  blank()
  mark = substr(text, at, 1)
  if (mark == "\"") { print path "\t" quoted(); return }
  if (mark != "{" && mark != "[") {
    from = at
    while (substr(text, at, 1) ~ /[-+.0-9A-Za-z]/) at++
    print path "\t" substr(text, from, at - from)
    return
  }
  for (at++; ; ) {
    blank()
    if (at > length(text)) return
    if (substr(text, at, 1) ~ /[]}]/) { at++; return }
    if (substr(text, at, 1) == ",") { at++; continue }
    name = place++
    if (mark == "{") { name = quoted(); blank(); at++ }
    value(join(path, name))
  }
}
