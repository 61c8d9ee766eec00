create table line_items (order_id bigint not null, line smallint not null, price numeric(12,2), primary key (order_id, line));
create table orders (order_id bigint primary key, customer text, amount double precision, paid_at timestamptz);
comment on table orders is 'Paid orders. One row per order; USD.';
create table "Tickets" (ticket_id bigint, "Subject" text);
create table kinds (id integer primary key, a boolean not null, b smallint, c real, d numeric(12,2), e date, f time, g timestamp, h bytea, i interval, j text[], k bigint[], l text, m json, n numeric(38,0));
comment on column kinds.a is 'Whether it is so.';
