-- The routing table. NULL is the default of a column, as a key left out is in YAML.
-- There are no CHECKs on purpose: a row that does not parse is quarantined by its reader and shown by
-- `engine-router routes list`, so an UPDATE by hand can break one route, and never the table.
create table routes (
  name           text primary key,
  kind           text,                            -- http, ws or tcp
  host           text,                            -- api.example.com or *.example.com
  methods        text[],                          -- {GET,POST}
  path           text,                            -- /orders/{region}
  headers        jsonb,                           -- {"x-tier": "gold"}
  subject        text,                            -- orders.{region}.create
  reply          text,                            -- single or many
  body           text,                            -- whole or stream
  websocket      text,                            -- stream or rpc
  timeout        text,                            -- 5s
  idle_timeout   text,
  max_duration   text,
  priority       integer,
  limits         jsonb,                           -- {"bodyBytes": "1MiB"}
  no_responders  jsonb,                           -- {"retries": 2, "hold": "0s"}
  forward_headers jsonb,                          -- "all", "none" or ["x-tenant"]
  updated_at     timestamptz not null default now()
);

-- One row: the revision of the routing table. It grows by one with each transaction that changes `routes`. A row, and
-- not a sequence, because it must change when the transaction commits and go back when it does not.
create table routes_version (
  only_row boolean primary key default true check (only_row),
  revision bigint not null,
  changed_by xid8
);
insert into routes_version (revision) values (0);

-- What `routes apply` and `routes rollback` did. `revision` is that of the table afterwards; the numbers in between
-- are changes made by hand.
create table route_revisions (
  revision   bigint primary key,
  created_at timestamptz not null default now(),
  author     text not null,
  comment    text,
  action     text not null,                       -- apply or rollback
  document   jsonb not null                       -- {"version": 1, "routes": [...]}, the whole table
);

-- As its owner: who may change routes need not be able to change the count.
create function routes_changed() returns trigger language plpgsql security definer set search_path from current as $$
begin
  update routes_version
    set revision = revision + 1, changed_by = pg_current_xact_id()
    where changed_by is distinct from pg_current_xact_id();
  -- Delivered at commit, and once a transaction however many statements it has.
  perform pg_notify('engine_router_routes', '');
  return null;
end
$$;

create trigger routes_changed after insert or update or delete or truncate on routes
  for each statement execute function routes_changed();

create function routes_touch() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create trigger routes_touch before update on routes
  for each row execute function routes_touch();
