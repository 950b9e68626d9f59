-- The policies of a route, in order: [{"headers": {"response": {"remove": ["server"]}}}]
alter table routes add column policies jsonb;
