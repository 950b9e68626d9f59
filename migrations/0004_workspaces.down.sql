alter table routes drop column params;
drop table workspaces;
drop function table_touched();
delete from table_versions where table_name = 'workspaces';
