-- Words of a text for searching: lower case, split at everything that is neither letter nor digit.
CREATE FUNCTION search_words(text text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('simple'::regconfig, regexp_replace(text, '[^[:alnum:]]+', ' ', 'g'));

-- What a person typed, as a query: every word must occur, each may be the beginning of a longer one.
CREATE FUNCTION search_query(text text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsquery(
    'simple'::regconfig,
    regexp_replace(
        plainto_tsquery('simple'::regconfig, regexp_replace(text, '[^[:alnum:]]+', ' ', 'g'))::text,
        '''(?= |$)', ''':*', 'g'
    )
);

CREATE TABLE record (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title       text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 500),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expiry_date timestamptz NOT NULL,
    is_expired  boolean NOT NULL DEFAULT false
);

CREATE INDEX record_due ON record (expiry_date, id) WHERE NOT is_expired;
CREATE INDEX record_stale ON record (expiry_date, id) WHERE is_expired;
CREATE INDEX record_expiry_date ON record (expiry_date);
CREATE INDEX record_created_at ON record (created_at);
CREATE INDEX record_title_words ON record USING gin (search_words(title));
