drop table api_keys;
drop function table_changed();
drop table table_versions;
