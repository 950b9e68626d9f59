-- `routes_changed` and `table_changed` run as their owner, and found their tables by the path that was set for the session
-- that made them. Postgres puts pg_temp in front of such a path: a table of one's own, with a trigger, ran as the owner. So
-- the tables are named with their schema, whichever that is, and nothing else is looked up but in the system's own.
do $migration$
begin
  execute format(
    $function$
      create or replace function %1$s.routes_changed() returns trigger language plpgsql
        security definer set search_path = pg_catalog, pg_temp as $body$
      begin
        update %1$s.routes_version
          set revision = revision + 1, changed_by = pg_current_xact_id()
          where changed_by is distinct from pg_current_xact_id();
        -- Delivered at commit, and once a transaction however many statements it has.
        perform pg_notify('engine_router_routes', '');
        return null;
      end
      $body$
    $function$,
    (select relnamespace::regnamespace from pg_class where oid = 'routes_version'::regclass)
  );
  execute format(
    $function$
      create or replace function %1$s.table_changed() returns trigger language plpgsql
        security definer set search_path = pg_catalog, pg_temp as $body$
      begin
        update %1$s.table_versions
          set revision = revision + 1, changed_by = pg_current_xact_id()
          where table_name = tg_table_name and changed_by is distinct from pg_current_xact_id();
        perform pg_notify('engine_router_' || tg_table_name, '');
        return null;
      end
      $body$
    $function$,
    (select relnamespace::regnamespace from pg_class where oid = 'table_versions'::regclass)
  );
end
$migration$;
