-- Tokens that count no more although they have not expired.
create table revocations (
  kind       text not null check (kind in ('subject', 'jti')),
  value      text not null check (value <> ''),   -- whose tokens, or the id of one
  issuer     text check (issuer <> ''),           -- NULL: of any
  -- Of a subject: what was issued until then.
  revoked_at timestamptz not null default now() check (isfinite(revoked_at)),
  -- By when all such tokens have expired.
  expires_at timestamptz not null default now() + interval '30 days'
    check (isfinite(expires_at) and expires_at < '10000-01-01'),
  reason     text
);
-- NULL is one issuer here, which a key of columns alone would not have it be before Postgres 15.
create unique index revocations_key on revocations (kind, value, coalesce(issuer, ''));
insert into table_versions (table_name, revision) values ('revocations', 0);

create trigger revocations_changed after insert or update or delete or truncate on revocations
  for each statement execute function table_changed();
