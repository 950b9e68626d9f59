drop table revocations;
delete from table_versions where table_name = 'revocations';
