CREATE TABLE home (member_id bigint PRIMARY KEY, site text NOT NULL, epoch integer NOT NULL CHECK (epoch > 0));
CREATE TABLE claim (kind text, digest bytea, member_id bigint NOT NULL, token bytea NOT NULL,
  PRIMARY KEY (kind, digest));
CREATE INDEX claim_member ON claim (member_id);
CREATE TABLE interest (site text, member_id bigint, PRIMARY KEY (site, member_id));
CREATE INDEX interest_member ON interest (member_id);
CREATE TABLE feed_head (single boolean PRIMARY KEY DEFAULT true CHECK (single), number bigint NOT NULL);
INSERT INTO feed_head VALUES (true, 0);
CREATE TABLE feed (number bigint PRIMARY KEY, member_id bigint NOT NULL, site text, epoch integer NOT NULL);
CREATE INDEX feed_erased ON feed (member_id) WHERE site IS NULL;
CREATE TABLE relocation (batch_id bigint PRIMARY KEY, source text NOT NULL, target text NOT NULL, state text NOT NULL,
  token bytea NOT NULL, reason text NOT NULL, opened_at timestamptz NOT NULL, seen_at timestamptz NOT NULL);
CREATE TABLE relocation_member (batch_id bigint REFERENCES relocation, member_id bigint, epoch integer NOT NULL,
  moving boolean NOT NULL DEFAULT true, PRIMARY KEY (batch_id, member_id));
CREATE UNIQUE INDEX relocation_moving ON relocation_member (member_id) WHERE moving;
CREATE TABLE relocation_head (single boolean PRIMARY KEY DEFAULT true CHECK (single), number bigint NOT NULL,
  digest bytea NOT NULL);
INSERT INTO relocation_head VALUES (true, 0, decode(repeat('00', 32), 'hex'));
CREATE TABLE relocation_entry (number bigint PRIMARY KEY, batch_id bigint NOT NULL REFERENCES relocation,
  step text NOT NULL, at text NOT NULL, fields text NOT NULL, previous bytea NOT NULL, digest bytea NOT NULL);
CREATE TABLE incident_entry (entry_id text PRIMARY KEY, incident text NOT NULL, at timestamptz NOT NULL,
  told text NOT NULL);
CREATE TABLE relocation_wish (single boolean PRIMARY KEY DEFAULT true CHECK (single),
  paused boolean NOT NULL DEFAULT false, cancellations bigint NOT NULL DEFAULT 0);
INSERT INTO relocation_wish DEFAULT VALUES;
CREATE TABLE setting (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE write_wait (process text PRIMARY KEY, at timestamptz NOT NULL, p99_ms double precision NOT NULL);
CREATE TABLE app (client_id text PRIMARY KEY, registration bytea NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE move_rate (source text, target text, measured_at timestamptz, members bigint NOT NULL,
  rows bigint NOT NULL, bytes bigint NOT NULL, seconds double precision NOT NULL CHECK (seconds > 0),
  PRIMARY KEY (source, target, measured_at));
CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last bigint; added bigint;
BEGIN
  SELECT count(*) INTO added FROM changed;
  IF added = 0 THEN RETURN NULL; END IF;
  UPDATE feed_head SET number = number + added RETURNING number INTO last;
  INSERT INTO feed SELECT last - added + row_number() OVER (), member_id,
    CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE site END, epoch FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER announce_insert AFTER INSERT ON home REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION announce();
CREATE TRIGGER announce_update AFTER UPDATE ON home REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION announce();
CREATE TRIGGER announce_delete AFTER DELETE ON home REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION announce();
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO domicile_app;
