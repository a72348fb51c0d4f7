"""Raw pages: fetched, archived, recorded one by one."""
