"""Writes and reads records as JSON, compact and indented."""

import hashlib
import json

records = [
    {"id": k, "name": f"item {k}", "price": k * 1.25, "tags": ["a", "b\u00e9", str(k % 7)], "open": k % 3 == 0, "parent": None if k % 5 else k // 5}
    for k in range(2000)
]
digest = hashlib.sha256()
for turn in range(8):
    text = json.dumps(records, indent=2 if turn % 2 else None, sort_keys=True, ensure_ascii=turn % 4 < 2)
    digest.update(text.encode())
    assert json.loads(text) == records
print(digest.hexdigest())
