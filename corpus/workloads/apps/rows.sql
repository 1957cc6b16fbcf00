-- 200,000 rows: bulk insert, indexes, ranges, patterns, updates, groups, joins, a recursion, JSON, VACUUM and the check of integrity.
pragma journal_mode = wal;
pragma synchronous = normal;
create table item (id integer primary key, code integer, name text, price real);
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
insert into item select i, (i * 7919) % 100003, 'item ' || (i * 31 % 1009) || ' of ' || i, (i % 1000) / 8.0 from n;
commit;
create index item_code on item (code);
create index item_name on item (name);
create index item_price on item (price, code);
select count(*), sum(code), max(name), round(sum(price), 3) from item;
select count(*), sum(id) from item where code between 1000 and 9000;
select count(*) from item where name like '%77%';
select count(*) from item where name >= 'item 5' and name < 'item 6';
update item set price = price + 0.5 where code % 10 = 3;
select round(sum(price), 3) from item;
create table kind (code integer primary key, label text);
insert into kind select distinct code, 'kind ' || code % 100 from item where code < 5000;
select kind.label, count(*), round(avg(item.price), 3) from item join kind using (code) group by kind.label order by kind.label limit 10;
select count(*) from item a where a.id <= 2000 and exists (select 1 from item b where b.code = a.code + 1 and b.price > a.price);
select price, count(*) from item group by price having count(*) > 180 order by price desc limit 5;
delete from item where id % 7 = 0;
select count(*), sum(id) from item;
with recursive fibonacci(a, b, n) as (select 0, 1, 0 union all select b, (a + b) % 1000000007, n + 1 from fibonacci where n < 100000)
select a from fibonacci order by n desc limit 1;
select sum(json_extract(json_object('id', id, 'tags', json_array(code, name)), '$.tags[0]')) from item where id <= 50000;
select name, row_number() over (partition by code % 10 order by price desc, id) as place from item where id <= 3000 order by place, name limit 5;
pragma wal_checkpoint(truncate);
vacuum;
select count(*), sum(length(name)) from item;
pragma integrity_check;
