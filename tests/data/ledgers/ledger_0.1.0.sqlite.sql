CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE accounts (
    no INTEGER NOT NULL,
    identity VARCHAR(320) NOT NULL,
    paused_until BIGINT,
    pause_reason TEXT DEFAULT '' NOT NULL,
    stop_reason TEXT DEFAULT '' NOT NULL,
    refused TEXT DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (no),
    CONSTRAINT uq_accounts_identity UNIQUE (identity)
);
CREATE TABLE consents (
    no INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    list_key TEXT NOT NULL,
    reason VARCHAR(12) NOT NULL,
    why TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (no)
);
CREATE TABLE deliveries (
    id INTEGER NOT NULL,
    campaign_no BIGINT NOT NULL,
    "row" BIGINT NOT NULL,
    "key" TEXT,
    state VARCHAR(12) NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    not_before BIGINT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    waited BIGINT DEFAULT '0' NOT NULL,
    token BIGINT,
    account_no BIGINT,
    code INTEGER,
    enhanced_code VARCHAR(16) DEFAULT '' NOT NULL,
    reply TEXT DEFAULT '' NOT NULL,
    provider_id TEXT DEFAULT '' NOT NULL,
    last_attempt_at BIGINT,
    finished_at BIGINT,
    CONSTRAINT pk_deliveries PRIMARY KEY (id),
    CONSTRAINT uq_deliveries_campaign_no_key UNIQUE (campaign_no, "key")
);
CREATE INDEX ix_deliveries_in_flight ON deliveries (account_no, campaign_no, state) WHERE state IN ('claimed', 'sending');
CREATE INDEX ix_deliveries_token ON deliveries (token) WHERE state IN ('claimed', 'sending');
CREATE INDEX ix_deliveries_turn ON deliveries (campaign_no, state, not_before, id);
CREATE TABLE imports (
    no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    file TEXT NOT NULL,
    list_key TEXT NOT NULL,
    reason VARCHAR(12) NOT NULL,
    added BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE TABLE incoming (
    run_no BIGINT NOT NULL,
    "row" BIGINT NOT NULL,
    "key" TEXT,
    reason TEXT NOT NULL,
    address TEXT NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_incoming PRIMARY KEY (run_no, "row"),
    CONSTRAINT uq_incoming_run_no_key UNIQUE (run_no, "key")
);
CREATE TABLE ledger (
    id VARCHAR(32) NOT NULL,
    run_counter BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_ledger PRIMARY KEY (id)
);
CREATE TABLE lists (
    "key" TEXT NOT NULL,
    name TEXT NOT NULL,
    first_used_at BIGINT NOT NULL,
    CONSTRAINT pk_lists PRIMARY KEY ("key")
);
CREATE TABLE recipients (
    id INTEGER NOT NULL,
    address TEXT NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_recipients PRIMARY KEY (id)
);
CREATE TABLE runs (
    no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    campaign_no BIGINT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX ix_runs_open ON runs (ended_at) WHERE ended_at IS NULL;
CREATE TABLE secrets (
    no INTEGER NOT NULL,
    value VARCHAR(128) NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_secrets PRIMARY KEY (no),
    CONSTRAINT uq_secrets_value UNIQUE (value)
);
CREATE TABLE suppressions (
    no INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    list_key TEXT DEFAULT '' NOT NULL,
    reason VARCHAR(12) NOT NULL,
    source TEXT NOT NULL,
    import_no BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_suppressions PRIMARY KEY (no),
    CONSTRAINT uq_suppressions_key_list_key_reason UNIQUE ("key", list_key, reason)
);
CREATE INDEX ix_suppressions_import ON suppressions (import_no);
CREATE TABLE usage (
    scope VARCHAR(32) NOT NULL,
    series VARCHAR(8) NOT NULL,
    total BIGINT NOT NULL,
    stamp BIGINT NOT NULL,
    CONSTRAINT pk_usage PRIMARY KEY (scope, series, total),
    CONSTRAINT uq_usage_scope_series_stamp UNIQUE (scope, series, stamp)
);
CREATE TABLE campaigns (
    no INTEGER NOT NULL,
    id VARCHAR(200) NOT NULL,
    file TEXT NOT NULL,
    account_no BIGINT NOT NULL,
    account_name TEXT NOT NULL,
    list_key TEXT NOT NULL,
    list_name TEXT NOT NULL,
    kind VARCHAR(16) NOT NULL,
    phase VARCHAR(16) NOT NULL,
    content TEXT NOT NULL,
    content_digest VARCHAR(64) NOT NULL,
    message_digest TEXT NOT NULL,
    loading_run BIGINT,
    list_mark TEXT NOT NULL,
    columns TEXT NOT NULL,
    sources TEXT NOT NULL,
    message_domain TEXT NOT NULL,
    recent VARCHAR(100) DEFAULT '' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    stop_digest VARCHAR(64) DEFAULT '' NOT NULL,
    resume_at BIGINT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    CONSTRAINT pk_campaigns PRIMARY KEY (no),
    CONSTRAINT fk_campaigns_account_no FOREIGN KEY(account_no) REFERENCES accounts (no),
    CONSTRAINT uq_campaigns_id UNIQUE (id)
);
INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING version_num;
CREATE TABLE returns (
    no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    delivery_id BIGINT,
    "key" TEXT DEFAULT '' NOT NULL,
    kind VARCHAR(16) NOT NULL,
    list_key TEXT DEFAULT '' NOT NULL,
    source VARCHAR(32) NOT NULL,
    code INTEGER,
    enhanced_code VARCHAR(16) DEFAULT '' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    happened_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    settled_at BIGINT,
    settled TEXT DEFAULT '' NOT NULL,
    CONSTRAINT uq_returns_fingerprint UNIQUE (fingerprint)
);
CREATE INDEX ix_returns_delivery_id ON returns (delivery_id);
CREATE INDEX ix_returns_key ON returns ("key", kind);
CREATE INDEX ix_returns_waiting ON returns (kind) WHERE settled_at IS NULL;
ALTER TABLE lists ADD COLUMN suppressed BIGINT DEFAULT '0' NOT NULL;
ALTER TABLE consents ADD COLUMN change VARCHAR(12) DEFAULT 'removed' NOT NULL;
ALTER TABLE consents ADD COLUMN source TEXT DEFAULT '' NOT NULL;
ALTER TABLE consents ADD COLUMN added_at BIGINT;
CREATE INDEX ix_suppressions_beyond_keys ON suppressions ("key") WHERE substr(key, 1, 1) IN ('@', '#');
CREATE INDEX ix_consents_key ON consents ("key");
ALTER TABLE campaigns DROP COLUMN sources;
UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';
