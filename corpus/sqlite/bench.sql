-- What databases do, in memory: run as "sqlite3 :memory: < bench.sql". The output is the same on every machine.
PRAGMA journal_mode = off;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price INTEGER, kind INTEGER, note TEXT);
CREATE TABLE sale(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id), day INTEGER, count INTEGER);
BEGIN;
WITH RECURSIVE n(i, r) AS (
    SELECT 1, 48271 UNION ALL SELECT i + 1, r * 48271 % 2147483647 FROM n WHERE i < 20000)
INSERT INTO item SELECT i, printf('item-%05d', r % 100000), r % 5000, r % 37, hex(r) FROM n;
WITH RECURSIVE n(i, r) AS (
    SELECT 1, 16807 UNION ALL SELECT i + 1, r * 48271 % 2147483647 FROM n WHERE i < 60000)
INSERT INTO sale SELECT i, 1 + r % 20000, r / 7 % 365, 1 + r % 9 FROM n;
COMMIT;
CREATE INDEX item_kind ON item(kind, price);
CREATE INDEX sale_item ON sale(item);
CREATE INDEX sale_day ON sale(day);
SELECT count(*), sum(price), min(name), max(note) FROM item;
SELECT kind, count(*), avg(price) FROM item GROUP BY kind ORDER BY 3 DESC LIMIT 5;
SELECT sum(price * count) FROM sale JOIN item ON item.id = sale.item WHERE day BETWEEN 100 AND 200;
SELECT name, total FROM (
    SELECT item.name AS name, sum(sale.count) AS total FROM item JOIN sale ON sale.item = item.id GROUP BY item.id)
ORDER BY total DESC, name LIMIT 5;
SELECT count(*) FROM item WHERE note LIKE '%3A%' OR name GLOB 'item-1[0-4]*';
UPDATE item SET price = price + kind * 3 WHERE id % 3 = 0;
DELETE FROM sale WHERE day % 17 = 5;
SELECT count(*), sum(count), total(day) FROM sale;
SELECT i.id, (SELECT count(*) FROM sale s WHERE s.item = i.id) AS sales FROM item i WHERE i.price > 4980
ORDER BY sales DESC, i.id LIMIT 5;
WITH RECURSIVE c(n, steps, x) AS (
    SELECT 27, 0, 27 UNION ALL
    SELECT n, steps + 1, CASE WHEN x % 2 = 0 THEN x / 2 ELSE x * 3 + 1 END FROM c WHERE x <> 1)
SELECT n, max(steps), max(x) FROM c;
SELECT day, sum(count) OVER (ORDER BY day ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS window
FROM (SELECT day, sum(count) AS count FROM sale GROUP BY day) ORDER BY window DESC, day LIMIT 4;
SELECT json_group_array(json_object('id', id, 'price', price)) FROM (SELECT id, price FROM item ORDER BY id LIMIT 4);
SELECT sum(json_extract(json_object('a', id, 'b', json_array(price, kind)), '$.b[1]')) FROM item;
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words SELECT name || ' ' || note || ' ' || CASE kind WHEN 3 THEN 'capability' ELSE 'pointer' END FROM item LIMIT 5000;
SELECT count(*) FROM words WHERE words MATCH 'capability';
SELECT length(group_concat(upper(substr(name, 6)) || round(price / 7.0, 2), ';')) FROM item;
VACUUM;
PRAGMA integrity_check;
