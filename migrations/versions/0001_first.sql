-- The first schema. Statements are parted by blank lines. Once it is released, never edit it: write the next migration.

PRAGMA application_id = 1920298610;

CREATE TABLE batches (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    resume_at_us INTEGER,
    requested_state TEXT,
    settings TEXT NOT NULL,
    source TEXT NOT NULL,
    header TEXT NOT NULL,
    operations TEXT NOT NULL,
    mapping TEXT NOT NULL,
    params TEXT NOT NULL,
    delivered TEXT,
    content_hash TEXT NOT NULL,
    visible_row INTEGER DEFAULT 0 NOT NULL,
    visible_job INTEGER DEFAULT 0 NOT NULL,
    refused INTEGER DEFAULT 0 NOT NULL,
    load_number INTEGER DEFAULT 0 NOT NULL,
    created_us INTEGER NOT NULL,
    touched_us INTEGER NOT NULL,
    CONSTRAINT pk_batches PRIMARY KEY (id),
    CONSTRAINT uq_batches_name UNIQUE (name),
    CONSTRAINT ck_batches_state CHECK (
        state = 'loading' OR state = 'ready' OR state = 'running' OR state = 'paused' OR state = 'halted'
        OR state = 'completed' OR state = 'cancelled'
    ),
    CONSTRAINT ck_batches_requested_state CHECK (requested_state = 'paused' OR requested_state = 'cancelled')
);

CREATE TABLE rows (
    batch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    line INTEGER,
    cells TEXT NOT NULL,
    "key" TEXT,
    CONSTRAINT pk_rows PRIMARY KEY (batch, number),
    CONSTRAINT fk_rows_batch_batches FOREIGN KEY(batch) REFERENCES batches (id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX uq_rows_batch_key ON rows (batch, "key") WHERE key IS NOT NULL;

CREATE TABLE runs (
    id INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    ended_us INTEGER,
    exit_code INTEGER,
    died INTEGER DEFAULT 0 NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    options TEXT NOT NULL,
    CONSTRAINT pk_runs PRIMARY KEY (id),
    CONSTRAINT ck_runs_died CHECK (died IN (0, 1))
);

CREATE TABLE asked (
    run INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    operation TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    after_attempt INTEGER NOT NULL,
    CONSTRAINT pk_asked PRIMARY KEY (run, batch, operation),
    CONSTRAINT fk_asked_run_runs FOREIGN KEY(run) REFERENCES runs (id),
    CONSTRAINT fk_asked_batch_batches FOREIGN KEY(batch) REFERENCES batches (id)
) WITHOUT ROWID;

CREATE TABLE jobs (
    id INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    operation TEXT NOT NULL,
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    params TEXT NOT NULL,
    state TEXT DEFAULT 'queued' NOT NULL,
    due_us INTEGER DEFAULT 0 NOT NULL,
    run INTEGER,
    lease_until_us INTEGER,
    attempts INTEGER DEFAULT 0 NOT NULL,
    attempts_spent INTEGER DEFAULT 0 NOT NULL,
    requests INTEGER DEFAULT 0 NOT NULL,
    debits INTEGER DEFAULT 0 NOT NULL,
    unknowns INTEGER DEFAULT 0 NOT NULL,
    amount INTEGER DEFAULT 0 NOT NULL,
    possible_double_charge INTEGER DEFAULT 0 NOT NULL,
    crashes INTEGER DEFAULT 0 NOT NULL,
    reason TEXT,
    final INTEGER,
    found INTEGER,
    result TEXT,
    http_status INTEGER,
    error_code TEXT,
    error_message TEXT,
    finished_us INTEGER,
    erased INTEGER DEFAULT 0 NOT NULL,
    reused INTEGER,
    CONSTRAINT pk_jobs PRIMARY KEY (id),
    CONSTRAINT ck_jobs_state CHECK (
        state = 'queued' OR state = 'running' OR state = 'succeeded' OR state = 'failed'
        OR state = 'in_doubt' OR state = 'cancelled'
    ),
    CONSTRAINT ck_jobs_owner CHECK ((state = 'running') = (run IS NOT NULL)),
    CONSTRAINT ck_jobs_counts CHECK (unknowns >= 0 AND debits >= 0 AND requests >= 0),
    CONSTRAINT fk_jobs_batch_batches FOREIGN KEY(batch) REFERENCES batches (id),
    CONSTRAINT fk_jobs_run_runs FOREIGN KEY(run) REFERENCES runs (id),
    CONSTRAINT fk_jobs_reused_jobs FOREIGN KEY(reused) REFERENCES jobs (id)
);

CREATE UNIQUE INDEX uq_jobs_batch_operation_key ON jobs (batch, operation, "key");

CREATE INDEX ix_jobs_failed ON jobs (batch, state, final, debits, unknowns) WHERE state = 'failed';

CREATE INDEX ix_jobs_in_doubt ON jobs (batch) WHERE state = 'in_doubt';

CREATE INDEX ix_jobs_queued ON jobs (batch, operation, due_us, id) WHERE state = 'queued';

CREATE INDEX ix_jobs_marked ON jobs (batch) WHERE possible_double_charge = 1;

CREATE INDEX ix_jobs_reused ON jobs (reused) WHERE reused IS NOT NULL;

CREATE INDEX ix_jobs_reusing ON jobs (batch, operation) WHERE reused IS NOT NULL;

CREATE INDEX ix_jobs_running ON jobs (batch) WHERE state = 'running';

CREATE TABLE row_jobs (
    batch INTEGER NOT NULL,
    "row" INTEGER NOT NULL,
    operation TEXT NOT NULL,
    job INTEGER,
    invalid TEXT,
    value TEXT,
    CONSTRAINT pk_row_jobs PRIMARY KEY (batch, "row", operation),
    CONSTRAINT fk_row_jobs_batch_rows FOREIGN KEY(batch, "row") REFERENCES rows (batch, number),
    CONSTRAINT ck_row_jobs_job_or_invalid CHECK ((job IS NULL) = (invalid IS NOT NULL)),
    CONSTRAINT fk_row_jobs_job_jobs FOREIGN KEY(job) REFERENCES jobs (id)
) WITHOUT ROWID;

CREATE INDEX ix_row_jobs_job ON row_jobs (job) WHERE job IS NOT NULL;

CREATE TABLE attempts (
    id INTEGER NOT NULL,
    job INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    run INTEGER NOT NULL,
    operation TEXT NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    number INTEGER NOT NULL,
    opened_us INTEGER NOT NULL,
    within_us INTEGER NOT NULL,
    client_request_id TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    unit TEXT NOT NULL,
    held INTEGER NOT NULL,
    closed_us INTEGER,
    http_status INTEGER,
    fault TEXT,
    detail TEXT,
    rule TEXT,
    action TEXT,
    debited TEXT,
    amount INTEGER,
    error_code TEXT,
    error_message TEXT,
    provider_request_id TEXT,
    balance INTEGER,
    wait_seconds FLOAT,
    spent INTEGER,
    resolution TEXT,
    resolved_us INTEGER,
    standing TEXT GENERATED ALWAYS AS (
        CASE WHEN closed_us IS NULL THEN 'held'
        WHEN resolution = 'charged' OR debited = 'yes' THEN 'debited'
        WHEN resolution = 'not-charged' OR debited = 'no' THEN 'released'
        ELSE 'in_doubt' END
    ) VIRTUAL,
    sent INTEGER GENERATED ALWAYS AS (
        fault IS NULL OR (fault <> 'invalid' AND fault <> 'not-sent' AND fault <> 'tls' AND fault <> 'withdrawn')
    ) VIRTUAL,
    CONSTRAINT pk_attempts PRIMARY KEY (id),
    CONSTRAINT uq_attempts_client_request_id UNIQUE (client_request_id),
    CONSTRAINT uq_attempts_job_number UNIQUE (job, number),
    CONSTRAINT ck_attempts_fault CHECK (
        fault = 'not-sent' OR fault = 'no-answer' OR fault = 'invalid' OR fault = 'tls'
        OR fault = 'withdrawn'
    ),
    CONSTRAINT ck_attempts_action CHECK (
        action = 'succeed' OR action = 'retry' OR action = 'fail' OR action = 'pause' OR action = 'halt'
    ),
    CONSTRAINT ck_attempts_debited CHECK (debited = 'yes' OR debited = 'no' OR debited = 'unknown'),
    CONSTRAINT ck_attempts_resolution CHECK (
        resolution = 'charged' OR resolution = 'not-charged' OR resolution = 'resend'
    ),
    CONSTRAINT ck_attempts_closed CHECK ((closed_us IS NULL) = (debited IS NULL)),
    CONSTRAINT ck_attempts_resolved_doubt CHECK (resolution IS NULL OR debited = 'unknown'),
    CONSTRAINT fk_attempts_job_jobs FOREIGN KEY(job) REFERENCES jobs (id),
    CONSTRAINT fk_attempts_batch_batches FOREIGN KEY(batch) REFERENCES batches (id),
    CONSTRAINT fk_attempts_run_runs FOREIGN KEY(run) REFERENCES runs (id)
);

CREATE INDEX ix_attempts_account ON attempts (account, closed_us) WHERE closed_us IS NOT NULL;

CREATE INDEX ix_attempts_doubted ON attempts (account, opened_us) WHERE debited = 'unknown';

CREATE INDEX ix_attempts_dearer ON attempts (operation, unit, amount) WHERE amount > held;

CREATE UNIQUE INDEX uq_attempts_open ON attempts (job) WHERE closed_us IS NULL;

CREATE TABLE answers (
    attempt INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    truncated INTEGER NOT NULL,
    removed TEXT,
    CONSTRAINT pk_answers PRIMARY KEY (attempt),
    CONSTRAINT ck_answers_removed CHECK (removed = 'fields' OR removed = 'purged' OR removed = 'erased'),
    CONSTRAINT ck_answers_emptied CHECK (removed IS NULL OR (length(body) = 0 AND headers = '[]')),
    CONSTRAINT fk_answers_attempt_attempts FOREIGN KEY(attempt) REFERENCES attempts (id)
);

CREATE TABLE job_totals (
    batch INTEGER NOT NULL,
    operation TEXT NOT NULL,
    state TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    CONSTRAINT pk_job_totals PRIMARY KEY (batch, operation, state),
    CONSTRAINT ck_job_totals_jobs CHECK (jobs >= 0)
) WITHOUT ROWID;

CREATE TABLE attempt_totals (
    batch INTEGER NOT NULL,
    provider TEXT NOT NULL,
    operation TEXT NOT NULL,
    unit TEXT NOT NULL,
    day INTEGER NOT NULL,
    standing TEXT NOT NULL,
    requests INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    CONSTRAINT pk_attempt_totals PRIMARY KEY (batch, provider, operation, unit, day, standing),
    CONSTRAINT ck_attempt_totals_counts CHECK (requests >= 0 AND amount >= 0)
) WITHOUT ROWID;

CREATE TABLE balances (
    batch INTEGER NOT NULL,
    provider TEXT NOT NULL,
    run INTEGER NOT NULL,
    account TEXT NOT NULL,
    unit TEXT NOT NULL,
    upto INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    clear_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    opening INTEGER NOT NULL,
    closing INTEGER NOT NULL,
    topped_up INTEGER NOT NULL,
    debited INTEGER NOT NULL,
    overlap INTEGER NOT NULL,
    CONSTRAINT pk_balances PRIMARY KEY (batch, provider, run),
    CONSTRAINT fk_balances_batch_batches FOREIGN KEY(batch) REFERENCES batches (id)
) WITHOUT ROWID;

CREATE TABLE lanes (
    batch INTEGER NOT NULL,
    provider TEXT NOT NULL,
    state TEXT NOT NULL,
    report TEXT NOT NULL,
    CONSTRAINT pk_lanes PRIMARY KEY (batch, provider),
    CONSTRAINT fk_lanes_batch_batches FOREIGN KEY(batch) REFERENCES batches (id)
) WITHOUT ROWID;

CREATE TABLE events (
    id INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    run INTEGER,
    batch INTEGER,
    lane TEXT,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (id),
    CONSTRAINT fk_events_run_runs FOREIGN KEY(run) REFERENCES runs (id),
    CONSTRAINT fk_events_batch_batches FOREIGN KEY(batch) REFERENCES batches (id)
);

CREATE INDEX ix_events_at_us ON events (at_us);

CREATE INDEX ix_events_batch_at_us ON events (batch, at_us);

-- Both state tables once more: no statement, from whatever program, moves a job or a batch where there is no edge.

CREATE TRIGGER tr_jobs_edges BEFORE UPDATE OF state ON jobs WHEN NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'a job cannot move from this state to that one') WHERE NOT (
        (OLD.state = 'queued' AND NEW.state IN ('running', 'cancelled'))
        OR (OLD.state = 'queued' AND NEW.state = 'succeeded' AND NEW.reused IS NOT NULL AND NEW.requests = 0)
        OR (OLD.state = 'running' AND (
            NEW.state = 'succeeded' OR NEW.state = 'failed' OR NEW.state = 'queued' OR NEW.state = 'in_doubt'
        ))
        OR (OLD.state = 'failed' AND NEW.state = 'queued' AND NOT OLD.erased)
        OR (OLD.state = 'in_doubt' AND NEW.state IN ('queued', 'failed'))
    );
END;

CREATE TRIGGER tr_batches_edges BEFORE UPDATE OF state ON batches WHEN NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'a batch cannot move from this state to that one') WHERE NOT (
        (OLD.state = 'loading' AND NEW.state IN ('ready', 'cancelled'))
        OR (OLD.state = 'ready' AND (NEW.state = 'running' OR NEW.state = 'paused' OR NEW.state = 'cancelled'))
        OR (OLD.state = 'running' AND (NEW.state = 'paused' OR NEW.state = 'halted' OR NEW.state = 'completed'))
        OR (OLD.state IN ('paused', 'halted') AND NEW.state IN ('running', 'cancelled'))
        OR (OLD.state = 'completed' AND NEW.state = 'ready')
    );
END;

-- History: a closed attempt changes only along the doubt arrows (its resolution, once), an answer never.

CREATE TRIGGER tr_attempts_closed BEFORE UPDATE ON attempts WHEN OLD.closed_us IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a closed attempt does not change') WHERE NOT (
        OLD.debited = 'unknown' AND OLD.resolution IS NULL AND NEW.resolution IS NOT NULL
        AND NEW.resolved_us IS NOT NULL
        AND NEW.id = OLD.id AND NEW.job = OLD.job AND NEW.batch = OLD.batch AND NEW.run = OLD.run
        AND NEW.operation = OLD.operation AND NEW.provider = OLD.provider AND NEW.account = OLD.account
        AND NEW.number = OLD.number AND NEW.opened_us = OLD.opened_us AND NEW.within_us = OLD.within_us
        AND NEW.client_request_id = OLD.client_request_id AND NEW.method = OLD.method AND NEW.path = OLD.path
        AND NEW.unit = OLD.unit AND NEW.held = OLD.held AND NEW.closed_us = OLD.closed_us
        AND NEW.http_status IS OLD.http_status AND NEW.fault IS OLD.fault AND NEW.detail IS OLD.detail
        AND NEW.rule IS OLD.rule AND NEW.action IS OLD.action AND NEW.debited IS OLD.debited
        AND NEW.amount IS OLD.amount AND NEW.error_code IS OLD.error_code
        AND NEW.error_message IS OLD.error_message AND NEW.provider_request_id IS OLD.provider_request_id
        AND NEW.wait_seconds IS OLD.wait_seconds AND NEW.spent IS OLD.spent
        AND NEW.balance IS OLD.balance
    );
END;

CREATE TRIGGER tr_answers_closed BEFORE UPDATE ON answers
BEGIN
    SELECT RAISE(ABORT, 'an answer does not change');
END;

-- Totals, in the transaction of what they count. Jobs enter them when their load is complete, not before.

CREATE TRIGGER tr_jobs_totals AFTER UPDATE OF state ON jobs WHEN NEW.state <> OLD.state
BEGIN
    UPDATE job_totals SET jobs = jobs - 1
    WHERE batch = OLD.batch AND operation = OLD.operation AND state = OLD.state;
    INSERT INTO job_totals (batch, operation, state, jobs) VALUES (NEW.batch, NEW.operation, NEW.state, 1)
    ON CONFLICT (batch, operation, state) DO UPDATE SET jobs = jobs + 1;
END;

CREATE TRIGGER tr_attempts_opened AFTER INSERT ON attempts
BEGIN
    INSERT INTO attempt_totals (batch, provider, operation, unit, day, standing, requests, amount)
    VALUES (NEW.batch, NEW.provider, NEW.operation, NEW.unit, NEW.opened_us / 86400000000, 'held', 1, NEW.held)
    ON CONFLICT (batch, provider, operation, unit, day, standing)
    DO UPDATE SET requests = requests + 1, amount = amount + excluded.amount;
END;

CREATE TRIGGER tr_attempts_totals AFTER UPDATE OF closed_us, resolution ON attempts
WHEN NEW.standing <> OLD.standing
BEGIN
    UPDATE attempt_totals
    SET requests = requests - 1, amount = amount - iif(OLD.standing = 'held', OLD.held, OLD.amount)
    WHERE batch = OLD.batch AND provider = OLD.provider AND operation = OLD.operation AND unit = OLD.unit
    AND day = OLD.opened_us / 86400000000 AND standing = OLD.standing;
    INSERT INTO attempt_totals (batch, provider, operation, unit, day, standing, requests, amount)
    VALUES (
        NEW.batch, NEW.provider, NEW.operation, NEW.unit, NEW.opened_us / 86400000000, NEW.standing, NEW.sent,
        iif(NEW.standing = 'released', 0, NEW.amount)
    )
    ON CONFLICT (batch, provider, operation, unit, day, standing)
    DO UPDATE SET requests = requests + excluded.requests, amount = amount + excluded.amount;
END;

-- The public views: documented, stable. Times are ISO-8601 UTC with milliseconds, amounts decimals of the unit.

CREATE VIEW v_outcomes AS
SELECT
    b.name AS batch,
    e."row" AS "row",
    e.operation AS operation,
    e.job AS job,
    coalesce(j.value, e.value) AS value,
    coalesce(j.state, 'invalid') AS state,
    iif(e.job IS NULL, 'invalid:' || e.invalid, j.reason) AS reason,
    iif(e.job IS NULL, 1, j.final) AS final,
    CASE WHEN j.unknowns > 0 THEN 'unknown' WHEN j.debits > 0 THEN 'yes' ELSE 'no' END AS debited,
    coalesce(j.amount, 0) / 1000000.0 AS amount,
    coalesce(j.requests, 0) AS attempts,
    coalesce(j.attempts_spent, 0) AS attempts_spent,
    coalesce(j.possible_double_charge, 0) AS possible_double_charge,
    f.name AS reused_from,
    j.http_status AS http_status,
    j.error_code AS error_code,
    j.error_message AS error_message,
    strftime('%Y-%m-%dT%H:%M:%S', j.finished_us / 1000000, 'unixepoch')
        || printf('.%03dZ', j.finished_us / 1000 % 1000) AS finished_at,
    j.result AS result
FROM row_jobs AS e
JOIN batches AS b ON b.id = e.batch AND e."row" <= b.visible_row
LEFT JOIN jobs AS j ON j.id = e.job
LEFT JOIN jobs AS o ON o.id = j.reused
LEFT JOIN batches AS f ON f.id = o.batch;

CREATE VIEW v_attempts AS
SELECT
    a.id AS attempt,
    a.job AS job,
    b.name AS batch,
    a.operation AS operation,
    a.number AS number,
    strftime('%Y-%m-%dT%H:%M:%S', a.opened_us / 1000000, 'unixepoch')
        || printf('.%03dZ', a.opened_us / 1000 % 1000) AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%S', a.closed_us / 1000000, 'unixepoch')
        || printf('.%03dZ', a.closed_us / 1000 % 1000) AS closed_at,
    a.http_status AS http_status,
    a.fault AS fault,
    a.rule AS rule,
    a.action AS action,
    CASE a.standing WHEN 'debited' THEN 'yes' WHEN 'released' THEN 'no' ELSE 'unknown' END AS debited,
    CASE a.standing WHEN 'held' THEN a.held WHEN 'released' THEN 0 ELSE a.amount END / 1000000.0 AS amount,
    a.error_code AS error_code,
    a.error_message AS error_message,
    a.client_request_id AS client_request_id,
    a.provider_request_id AS provider_request_id,
    round(a.wait_seconds, 3) AS wait_seconds,
    a.method AS method,
    a.path AS path
FROM attempts AS a
JOIN batches AS b ON b.id = a.batch;

CREATE VIEW v_runs AS
SELECT
    strftime('%Y-%m-%dT%H:%M:%S', started_us / 1000000, 'unixepoch')
        || printf('.%03dZ', started_us / 1000 % 1000) AS started,
    strftime('%Y-%m-%dT%H:%M:%S', ended_us / 1000000, 'unixepoch')
        || printf('.%03dZ', ended_us / 1000 % 1000) AS ended,
    iif(died, 'died', exit_code) AS exit,
    pid,
    host,
    version,
    options
FROM runs;

CREATE VIEW v_events AS
SELECT
    strftime('%Y-%m-%dT%H:%M:%S', e.at_us / 1000000, 'unixepoch')
        || printf('.%03dZ', e.at_us / 1000 % 1000) AS at,
    e.run AS run,
    b.name AS batch,
    e.lane AS lane,
    e.event AS event,
    e.detail AS detail
FROM events AS e
LEFT JOIN batches AS b ON b.id = e.batch;

CREATE VIEW v_spend AS
SELECT
    date(t.day * 86400, 'unixepoch') AS day,
    t.provider AS provider,
    t.operation AS operation,
    t.unit AS unit,
    sum(t.requests) AS requests,
    sum(iif(t.standing = 'debited', t.requests, 0)) AS charged,
    sum(iif(t.standing = 'released', t.requests, 0)) AS not_charged,
    sum(iif(t.standing IN ('in_doubt', 'held'), t.requests, 0)) AS in_doubt,
    sum(iif(t.standing = 'debited', t.amount, 0)) / 1000000.0 AS amount
FROM attempt_totals AS t
GROUP BY t.day, t.provider, t.operation, t.unit
HAVING sum(t.requests) > 0;
