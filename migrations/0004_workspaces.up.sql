-- Tenants. A client names one by id or by name; backends see the id alone.
create table workspaces (
  id         uuid primary key default gen_random_uuid(),
  name       text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz                          -- kept, so that an id means the same for ever
);
create unique index workspaces_name on workspaces (name) where deleted_at is null;
insert into table_versions (table_name, revision) values ('workspaces', 0);

create trigger workspaces_changed after insert or update or delete or truncate on workspaces
  for each statement execute function table_changed();

-- As routes_touch, for any table with the column.
create function table_touched() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create trigger workspaces_touched before update on workspaces
  for each row execute function table_touched();

-- Where the values of a subject come from, if not from the path: {"workspace": {"header": "x-workspace", "workspace": true}}
alter table routes add column params jsonb;
