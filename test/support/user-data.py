"""Reads user data as cloud-init does, by Python's own e-mail parser and PyYAML: the parts that are left, as JSON."""
import email, json, sys
import yaml

raw = sys.stdin.buffer.read()
parts = []
message = email.message_from_string(raw.decode()) if b"mime-version:" in raw[:4096].lower() else None
for part in message.walk() if message else [None]:
    if part is not None and part.get_content_maintype() == "multipart":
        continue
    text = raw.decode() if part is None else part.get_payload(decode=True).decode()
    parts.append({
        "type": None if part is None else part.get_content_type(),
        "merge": None if part is None else part["Merge-Type"],
        "text": text,
        "config": yaml.safe_load(text) if text.startswith("#cloud-config") else None,
    })
json.dump(parts, sys.stdout)
