-- The revision of each table that routers hold in memory beside `routes`. As with routes_version, a row changes when the
-- transaction commits, by one, and goes back when it does not.
create table table_versions (
  table_name text primary key,
  revision bigint not null,
  changed_by xid8
);

-- Of a trigger for each statement. As its owner: who may change a table need not be able to change the count.
create function table_changed() returns trigger language plpgsql security definer set search_path from current as $$
begin
  update table_versions
    set revision = revision + 1, changed_by = pg_current_xact_id()
    where table_name = tg_table_name and changed_by is distinct from pg_current_xact_id();
  perform pg_notify('engine_router_' || tg_table_name, '');
  return null;
end
$$;

-- API keys. The secret itself is nowhere: it has 256 random bits, so that one round of SHA-256 hides it.
create table api_keys (
  id          text primary key,                   -- the part of the key that may be seen
  hash        bytea not null,                     -- SHA-256 of the whole key
  subject_id  text not null,                      -- who it stands for
  name        text not null,                      -- for people
  scopes      text[] not null default '{}',
  created_at  timestamptz not null default now(),
  expires_at  timestamptz,
  revoked_at  timestamptz
);
insert into table_versions (table_name, revision) values ('api_keys', 0);

create trigger api_keys_changed after insert or update or delete or truncate on api_keys
  for each statement execute function table_changed();
