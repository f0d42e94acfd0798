CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 200),
    done boolean NOT NULL DEFAULT false
);
CREATE INDEX tasks_of_a_person ON tasks (person);
