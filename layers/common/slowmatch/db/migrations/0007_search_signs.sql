-- The signs of a text, each by itself: what is neither letter nor digit nor space, such as % or an emoji.
CREATE FUNCTION search_signs(text text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN string_to_array(regexp_replace(lower(text), '[[:alnum:][:space:]]+', '', 'g'), NULL);
