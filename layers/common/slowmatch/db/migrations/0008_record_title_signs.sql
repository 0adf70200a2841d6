-- A search without a word finds its titles here. A title without a sign needs no entry.
CREATE INDEX CONCURRENTLY IF NOT EXISTS record_title_signs ON record USING gin (search_signs(title))
    WHERE title ~ '[^[:alnum:][:space:]]';
