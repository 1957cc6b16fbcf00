"""Searches, counts and replaces with regular expressions in the first 400,000 characters of the text."""

import re

with open("/data/text.txt", encoding="utf-8") as file:
    text = file.read(400_000)
for pattern in (r"\b[a-z]+ing\b", r"(?i)the\s+(\w+)\s+of", r"\d{2,}", r"([aeiou])[^aeiou\s]\1", r"^.{20,40}$"):
    found = re.findall(pattern, text, re.MULTILINE)
    print(pattern, len(found), len(set(found)))
changed, count = re.subn(r"(\w+) (\w+)", r"\2 \1", text)
print(count, hash(changed) == hash(text), changed[:40])
