alter table routes drop column policies;
