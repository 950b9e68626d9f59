drop table routes;
drop table route_revisions;
drop table routes_version;
drop function routes_changed();
drop function routes_touch();
