-- Named queries of the store; loaded by queries.py.

-- name: add
WITH input AS (
    SELECT *
    FROM unnest(
        %(ids)s::uuid[], %(sessions)s::text[], %(kinds)s::text[], %(contents)s::text[],
        %(metadata)s::jsonb[], %(hashes)s::bytea[], %(terms)s::text[]
    ) WITH ORDINALITY AS given (id, session_id, kind, content, metadata, content_hash, terms, position)
), new_sessions AS (
    INSERT INTO sessions (id)
    SELECT DISTINCT session_id FROM input ORDER BY session_id
    ON CONFLICT DO NOTHING
), added AS (
    -- sorted, so that two writers of the same texts cannot wait for each other in a circle
    INSERT INTO memories (id, session_id, kind, content, metadata, content_hash, terms, created_at)
    SELECT id, session_id, kind, content, metadata, content_hash, array_to_tsvector(string_to_array(terms, ' ')),
        %(now)s::timestamptz + position * interval '1 microsecond'
    FROM input
    ORDER BY session_id, kind, content_hash
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO vector_outbox (memory_id, deleted)
SELECT id, false FROM added
RETURNING memory_id;

-- name: find_same
SELECT given.position, memories.id
FROM unnest(%(sessions)s::text[], %(kinds)s::text[], %(hashes)s::bytea[])
    WITH ORDINALITY AS given (session_id, kind, content_hash, position)
JOIN memories USING (session_id, kind, content_hash);

-- name: get
SELECT id, session_id, kind, content, metadata, created_at
FROM memories
WHERE id = ANY(%(ids)s::uuid[]);

-- name: recent
SELECT id, session_id, kind, content, metadata, created_at
FROM memories
WHERE (%(session)s::text IS NULL OR session_id = %(session)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
ORDER BY created_at DESC, id
LIMIT %(limit)s;

-- name: delete
WITH gone AS (
    DELETE FROM memories WHERE id = ANY(%(ids)s::uuid[]) RETURNING id
)
INSERT INTO vector_outbox (memory_id, deleted)
SELECT id, true FROM gone
ON CONFLICT (memory_id) DO UPDATE SET deleted = true, changed_at = now()
RETURNING memory_id;

-- name: keyword
-- BM25 with every term counted once per memory: %(weights)s are inverse document frequencies.
SELECT memories.id
FROM memories
CROSS JOIN LATERAL (
    SELECT sum(weight) AS sum
    FROM unnest(%(terms)s::tsquery[], %(weights)s::float8[]) AS wanted (term, weight)
    WHERE memories.terms @@ term
) AS matched
WHERE memories.terms @@ %(required)s::tsquery
    AND (%(session)s::text IS NULL OR session_id = %(session)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
ORDER BY matched.sum / (1 + ln(1 + length(memories.terms)) / 10) DESC, created_at DESC
LIMIT %(limit)s;

-- name: term_statistics
-- Words that stand in more than one in two hundred of the latest memories.
SELECT word, ndoc, sample.size
FROM ts_stat('SELECT terms FROM memories ORDER BY created_at DESC LIMIT 5000'),
    (SELECT count(*) AS size FROM (SELECT FROM memories LIMIT 5000) AS latest) AS sample
WHERE ndoc * 200 > sample.size;

-- name: pending
SELECT memories.id, session_id, kind, content, metadata, created_at
FROM (
    SELECT memory_id FROM vector_outbox WHERE NOT deleted ORDER BY changed_at LIMIT %(limit)s
) AS oldest
JOIN memories ON memories.id = memory_id;

-- name: pending_deletions
SELECT memory_id FROM vector_outbox WHERE deleted ORDER BY changed_at LIMIT %(limit)s;

-- name: settle_written
DELETE FROM vector_outbox WHERE memory_id = ANY(%(ids)s::uuid[]) AND NOT deleted;

-- name: settle_removed
DELETE FROM vector_outbox WHERE memory_id = ANY(%(ids)s::uuid[]) AND deleted;

-- name: enqueue
INSERT INTO vector_outbox (memory_id, deleted)
SELECT id, false FROM memories WHERE id = ANY(%(ids)s::uuid[])
ON CONFLICT DO NOTHING;

-- name: collection
SELECT model, dimension, generation FROM vector_collection;

-- name: set_collection
INSERT INTO vector_collection (model, dimension, generation)
VALUES (%(model)s, %(dimension)s, %(generation)s)
ON CONFLICT (only_one) DO UPDATE
SET model = excluded.model, dimension = excluded.dimension, generation = excluded.generation;

-- name: empty_outbox
DELETE FROM vector_outbox;

-- name: enqueue_all
INSERT INTO vector_outbox (memory_id, deleted, changed_at)
SELECT id, false, created_at FROM memories
ON CONFLICT DO NOTHING;

-- name: indexed_ids
SELECT id FROM memories
WHERE id > %(after)s AND NOT EXISTS (SELECT FROM vector_outbox WHERE memory_id = id)
ORDER BY id
LIMIT %(limit)s;

-- name: pending_count
SELECT count(*) FROM vector_outbox;

-- name: counts
SELECT
    (SELECT count(*) FROM sessions),
    (SELECT count(*) FROM vector_outbox),
    (SELECT min(created_at) FROM memories),
    (SELECT max(created_at) FROM memories),
    pg_database_size(current_database());

-- name: count_by_kind
SELECT kind, count(*) FROM memories GROUP BY kind ORDER BY kind;

-- name: database_size
SELECT pg_database_size(current_database());
