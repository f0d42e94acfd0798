-- Two people to begin with. "!" is the hash of no password: nobody logs in as them.
INSERT INTO people (name, password) VALUES ('ada', '!'), ('grace', '!');
INSERT INTO tasks (person, text, done)
SELECT people.id, seed.text, seed.done
FROM people JOIN (VALUES
    ('ada', 'Write the first program', true),
    ('ada', 'Explain it in notes', false),
    ('ada', 'Build the machine', false),
    ('grace', 'Write a compiler', true),
    ('grace', 'Find the moth', false)
) AS seed (name, text, done) ON seed.name = people.name;
