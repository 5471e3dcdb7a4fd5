CREATE SCHEMA domicile;
CREATE SCHEMA vault;
CREATE TABLE resident (
	member_id BIGINT NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	epoch INTEGER NOT NULL, 
	tracked BOOLEAN DEFAULT false NOT NULL, 
	PRIMARY KEY (member_id), 
	CONSTRAINT resident_state CHECK (state IN ('pending', 'home', 'leaving', 'arriving', 'moved'))
);
CREATE TABLE vault.data_key (
	member_id BIGINT NOT NULL, 
	wrapped BYTEA NOT NULL, 
	site_key VARCHAR(16) NOT NULL, 
	PRIMARY KEY (member_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE name_claim (
	member_id BIGINT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	digest BYTEA NOT NULL, 
	token BYTEA NOT NULL, 
	PRIMARY KEY (member_id, kind), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE claim (
	member_id BIGINT NOT NULL, 
	jurisdiction VARCHAR(8) NOT NULL, 
	basis VARCHAR(16) NOT NULL, 
	assumed BOOLEAN NOT NULL, 
	declared_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (member_id, jurisdiction, basis), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE consent (
	member_id BIGINT NOT NULL, 
	consent_id BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	wording TEXT NOT NULL, 
	rules TEXT[] NOT NULL, 
	given_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	withdrawn_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id, consent_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE outbox (
	member_id BIGINT NOT NULL, 
	sequence BIGINT NOT NULL, 
	recipient BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	body BYTEA NOT NULL, 
	not_before TIMESTAMP WITH TIME ZONE NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (member_id, sequence), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX outbox_due ON outbox (not_before);
CREATE TABLE pair_version (
	member_id BIGINT NOT NULL, 
	last BIGINT NOT NULL, 
	PRIMARY KEY (member_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE copy_register (
	member_id BIGINT NOT NULL, 
	holder VARCHAR(8) NOT NULL, 
	view VARCHAR(32) NOT NULL, 
	number BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	sections TEXT NOT NULL, 
	rules TEXT NOT NULL, 
	law VARCHAR(40) NOT NULL, 
	shows_home BOOLEAN NOT NULL, 
	given_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	until TIMESTAMP WITH TIME ZONE NOT NULL, 
	state VARCHAR(9) DEFAULT 'held' NOT NULL, 
	reason VARCHAR(8), 
	asked_at TIMESTAMP WITH TIME ZONE, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	not_before TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id, holder, view, number), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX copy_register_law ON copy_register (law, member_id) WHERE state = 'held';
CREATE INDEX copy_register_recall ON copy_register (not_before) WHERE state = 'recalling';
CREATE INDEX copy_register_until ON copy_register (until);
CREATE TABLE account (
	member_id BIGINT NOT NULL, 
	handle VARCHAR(30) NOT NULL, 
	display_name TEXT DEFAULT '' NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	fields JSONB DEFAULT '[]' NOT NULL, 
	avatar VARCHAR(80), 
	header VARCHAR(80), 
	locked BOOLEAN DEFAULT false NOT NULL, 
	bot BOOLEAN DEFAULT false NOT NULL, 
	discoverable BOOLEAN DEFAULT true NOT NULL, 
	show_country BOOLEAN DEFAULT false NOT NULL, 
	unconfirmed BOOLEAN DEFAULT false NOT NULL, 
	unverified BOOLEAN DEFAULT false NOT NULL, 
	language VARCHAR(8) DEFAULT 'en' NOT NULL, 
	default_visibility SMALLINT DEFAULT '0' NOT NULL, 
	default_sensitive BOOLEAN DEFAULT false NOT NULL, 
	role VARCHAR(8) DEFAULT 'member' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (member_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX account_handle ON account (lower(handle));
CREATE TABLE suspension (
	member_id BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	until TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX suspension_until ON suspension (until);
CREATE TABLE tally (
	member_id BIGINT NOT NULL, 
	posts INTEGER DEFAULT '0' NOT NULL, 
	followers INTEGER DEFAULT '0' NOT NULL, 
	following INTEGER DEFAULT '0' NOT NULL, 
	last_post BIGINT, 
	last_post_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE vault.credential (
	member_id BIGINT NOT NULL, 
	email BYTEA, 
	phone BYTEA, 
	birth_date BYTEA, 
	password_hash BYTEA, 
	PRIMARY KEY (member_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE proposal (
	member_id BIGINT NOT NULL, 
	proposal_id BIGINT NOT NULL, 
	source VARCHAR(8) NOT NULL, 
	target VARCHAR(8) NOT NULL, 
	lawful BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	rules TEXT[] NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	closed_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id, proposal_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE age_answer (
	member_id BIGINT NOT NULL, 
	minimum SMALLINT NOT NULL, 
	asked_on DATE NOT NULL, 
	method VARCHAR(20) NOT NULL, 
	rules TEXT[] NOT NULL, 
	PRIMARY KEY (member_id, minimum), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE verification (
	member_id BIGINT NOT NULL, 
	method VARCHAR(40) NOT NULL, 
	verified_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	valid_until TIMESTAMP WITH TIME ZONE, 
	rules TEXT[] NOT NULL, 
	digest BYTEA, 
	made_up BOOLEAN DEFAULT 'false' NOT NULL, 
	PRIMARY KEY (member_id, method), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX verification_digest ON verification (digest);
CREATE TABLE challenge (
	member_id BIGINT NOT NULL, 
	challenge_id BIGINT NOT NULL, 
	verifier VARCHAR(80) NOT NULL, 
	digest BYTEA NOT NULL, 
	answer BYTEA, 
	attempts SMALLINT DEFAULT '0' NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id, challenge_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX challenge_digest ON challenge (digest, started_at);
CREATE TABLE post (
	author_id BIGINT NOT NULL, 
	post_id BIGINT NOT NULL, 
	visibility SMALLINT NOT NULL, 
	content TEXT DEFAULT '' NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	spoiler TEXT DEFAULT '' NOT NULL, 
	sensitive BOOLEAN DEFAULT false NOT NULL, 
	language VARCHAR(8), 
	reply_author BIGINT, 
	reply_post BIGINT, 
	reply_gone BOOLEAN DEFAULT false NOT NULL, 
	boost_author BIGINT, 
	boost_post BIGINT, 
	client VARCHAR(60), 
	idempotency BYTEA, 
	edited_at TIMESTAMP WITH TIME ZONE, 
	replies INTEGER DEFAULT '0' NOT NULL, 
	boosts INTEGER DEFAULT '0' NOT NULL, 
	favourites INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (author_id, post_id), 
	FOREIGN KEY(author_id) REFERENCES resident (member_id)
);
CREATE INDEX post_idempotency ON post (author_id, idempotency) WHERE idempotency IS NOT NULL;
CREATE INDEX post_public ON post (post_id) WHERE visibility = 0 AND boost_post IS NULL;
CREATE TABLE vault.direct_text (
	author_id BIGINT NOT NULL, 
	post_id BIGINT NOT NULL, 
	body BYTEA NOT NULL, 
	PRIMARY KEY (author_id, post_id), 
	FOREIGN KEY(author_id) REFERENCES resident (member_id)
);
CREATE TABLE media (
	member_id BIGINT NOT NULL, 
	media_id BIGINT NOT NULL, 
	post_id BIGINT, 
	position SMALLINT DEFAULT '0' NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	preview VARCHAR(64) NOT NULL, 
	mime VARCHAR(32) NOT NULL, 
	bytes INTEGER NOT NULL, 
	meta JSONB DEFAULT '{}' NOT NULL, 
	description TEXT DEFAULT '' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (member_id, media_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX media_post ON media (member_id, post_id);
CREATE TABLE follow (
	member_id BIGINT NOT NULL, 
	target BIGINT NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	version BIGINT NOT NULL, 
	boosts BOOLEAN DEFAULT true NOT NULL, 
	notify BOOLEAN DEFAULT false NOT NULL, 
	PRIMARY KEY (member_id, target), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX follow_target ON follow (target);
CREATE TABLE follower (
	member_id BIGINT NOT NULL, 
	follower BIGINT NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	version BIGINT NOT NULL, 
	removed_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id, follower), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX follower_newest ON follower (member_id, version);
CREATE TABLE reaction (
	member_id BIGINT NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	target_author BIGINT NOT NULL, 
	target_post BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	boost BIGINT, 
	PRIMARY KEY (member_id, kind, target_author, target_post), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX reaction_newest ON reaction (member_id, kind, version);
CREATE TABLE mention_stub (
	member_id BIGINT NOT NULL, 
	author BIGINT NOT NULL, 
	post_id BIGINT NOT NULL, 
	direct BOOLEAN DEFAULT false NOT NULL, 
	version BIGINT NOT NULL, 
	removed BOOLEAN DEFAULT false NOT NULL, 
	PRIMARY KEY (member_id, author, post_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE INDEX mention_newest ON mention_stub (member_id, post_id);
CREATE TABLE notification (
	member_id BIGINT NOT NULL, 
	notification_id BIGINT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	actor BIGINT NOT NULL, 
	post_author BIGINT, 
	post_id BIGINT, 
	PRIMARY KEY (member_id, notification_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE token (
	member_id BIGINT NOT NULL, 
	digest BYTEA NOT NULL, 
	client_id VARCHAR(64) NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (member_id, digest), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE authorization_code (
	member_id BIGINT NOT NULL, 
	digest BYTEA NOT NULL, 
	client_id VARCHAR(64) NOT NULL, 
	redirect_uri TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	challenge VARCHAR(128), 
	challenge_method VARCHAR(8), 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	used_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id, digest), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE session (
	member_id BIGINT NOT NULL, 
	digest BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (member_id, digest), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE notice (
	member_id BIGINT NOT NULL, 
	notice_id BIGINT NOT NULL, 
	proposal_id BIGINT NOT NULL, 
	moves_on DATE NOT NULL, 
	language VARCHAR(8) NOT NULL, 
	wording TEXT NOT NULL, 
	told_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	dismissed_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (member_id, notice_id), 
	FOREIGN KEY(member_id, proposal_id) REFERENCES proposal (member_id, proposal_id), 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE vault.challenge_contact (
	member_id BIGINT NOT NULL, 
	challenge_id BIGINT NOT NULL, 
	contact BYTEA NOT NULL, 
	PRIMARY KEY (member_id, challenge_id), 
	FOREIGN KEY(member_id, challenge_id) REFERENCES challenge (member_id, challenge_id) ON DELETE CASCADE, 
	FOREIGN KEY(member_id) REFERENCES resident (member_id)
);
CREATE TABLE post_mention (
	author_id BIGINT NOT NULL, 
	post_id BIGINT NOT NULL, 
	mentioned BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	handle VARCHAR(30) NOT NULL, 
	PRIMARY KEY (author_id, post_id, mentioned), 
	FOREIGN KEY(author_id, post_id) REFERENCES post (author_id, post_id) ON DELETE CASCADE, 
	FOREIGN KEY(author_id) REFERENCES resident (member_id)
);
CREATE TABLE post_tag (
	author_id BIGINT NOT NULL, 
	post_id BIGINT NOT NULL, 
	tag VARCHAR(100) NOT NULL, 
	PRIMARY KEY (author_id, post_id, tag), 
	FOREIGN KEY(author_id, post_id) REFERENCES post (author_id, post_id) ON DELETE CASCADE, 
	FOREIGN KEY(author_id) REFERENCES resident (member_id)
);
CREATE INDEX post_tag_newest ON post_tag (tag, post_id);
CREATE TABLE reaction_stub (
	author_id BIGINT NOT NULL, 
	post_id BIGINT NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	actor BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	removed BOOLEAN DEFAULT false NOT NULL, 
	PRIMARY KEY (author_id, post_id, kind, actor), 
	FOREIGN KEY(author_id, post_id) REFERENCES post (author_id, post_id) ON DELETE CASCADE, 
	FOREIGN KEY(author_id) REFERENCES resident (member_id)
);
CREATE TABLE reply_stub (
	author_id BIGINT NOT NULL, 
	post_id BIGINT NOT NULL, 
	reply_author BIGINT NOT NULL, 
	reply_post BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	removed BOOLEAN DEFAULT false NOT NULL, 
	verdict VARCHAR(8) DEFAULT 'shown' NOT NULL, 
	PRIMARY KEY (author_id, post_id, reply_author, reply_post), 
	FOREIGN KEY(author_id, post_id) REFERENCES post (author_id, post_id) ON DELETE CASCADE, 
	FOREIGN KEY(author_id) REFERENCES resident (member_id)
);
CREATE TABLE app (
	client_id VARCHAR(64) NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	website TEXT, 
	redirect_uris TEXT[] NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (client_id)
);
CREATE TABLE route (
	member_id BIGINT NOT NULL, 
	site VARCHAR(8) NOT NULL, 
	epoch INTEGER NOT NULL, 
	PRIMARY KEY (member_id)
);
CREATE TABLE kept_copy (
	member_id BIGINT NOT NULL, 
	view VARCHAR(32) NOT NULL, 
	number BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	until TIMESTAMP WITH TIME ZONE NOT NULL, 
	received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	recalled BOOLEAN DEFAULT 'false' NOT NULL, 
	body BYTEA, 
	PRIMARY KEY (member_id, view, number)
);
CREATE INDEX kept_copy_until ON kept_copy (until);
CREATE TABLE feed_position (
	feed VARCHAR(16) NOT NULL, 
	entry BIGINT NOT NULL, 
	PRIMARY KEY (feed)
);
CREATE TABLE safeguard (
	safeguard_id VARCHAR(64) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	exporter VARCHAR(8) NOT NULL, 
	importer VARCHAR(8), 
	scope TEXT[] DEFAULT '{}' NOT NULL, 
	filed_on DATE NOT NULL, 
	valid_until DATE, 
	withdrawn_on DATE, 
	document TEXT DEFAULT '' NOT NULL, 
	made_up BOOLEAN NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (safeguard_id)
);
CREATE TABLE incident_entry (
	entry_id VARCHAR(64) NOT NULL, 
	incident VARCHAR(40) NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	told TEXT NOT NULL, 
	PRIMARY KEY (entry_id)
);
CREATE TABLE crossing_tally (
	day DATE NOT NULL, 
	importer VARCHAR(8) NOT NULL, 
	section VARCHAR(64) NOT NULL, 
	verdict VARCHAR(12) NOT NULL, 
	rules VARCHAR(200) NOT NULL, 
	items BIGINT NOT NULL, 
	PRIMARY KEY (day, importer, section, verdict, rules)
);
CREATE TABLE activity (
	day DATE NOT NULL, 
	country VARCHAR(8) NOT NULL, 
	sketch BYTEA NOT NULL, 
	PRIMARY KEY (day, country)
);
CREATE TABLE changed (
	member_id BIGINT NOT NULL, 
	relation VARCHAR(63) NOT NULL, 
	row_key TEXT[] NOT NULL, 
	PRIMARY KEY (member_id, relation, row_key)
);
CREATE TABLE erasure (
	member_id BIGINT NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	erased_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	rows_erased BIGINT NOT NULL, 
	files INTEGER DEFAULT '0' NOT NULL, 
	entry BIGINT, 
	PRIMARY KEY (member_id)
);
CREATE TABLE relocation (
	batch_id BIGINT NOT NULL, 
	role VARCHAR(8) NOT NULL, 
	other VARCHAR(8) NOT NULL, 
	state VARCHAR(9) NOT NULL, 
	token BYTEA NOT NULL, 
	members BIGINT[] NOT NULL, 
	began_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (batch_id, role)
);
CREATE TABLE collected (
	category VARCHAR(80) NOT NULL, 
	table_name VARCHAR(130) NOT NULL, 
	column_name VARCHAR(63) NOT NULL, 
	first_on DATE NOT NULL, 
	until DATE, 
	PRIMARY KEY (category, table_name, column_name, first_on)
);
CREATE TABLE acknowledgement (
	category VARCHAR(80) NOT NULL, 
	rule VARCHAR(64) NOT NULL, 
	acknowledged_on DATE NOT NULL, 
	reason TEXT NOT NULL, 
	role VARCHAR(80) NOT NULL, 
	PRIMARY KEY (category, rule, acknowledged_on)
);
CREATE TABLE setting (
	key VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (key)
);
CREATE TABLE vault.hold (
	hold_id BIGINT NOT NULL, 
	member_id BIGINT NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	authority TEXT NOT NULL, 
	rule VARCHAR(64) NOT NULL, 
	jurisdiction VARCHAR(8) NOT NULL, 
	citation TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	categories TEXT[] NOT NULL, 
	secret BOOLEAN NOT NULL, 
	placed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	until DATE, 
	released_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (hold_id)
);
CREATE INDEX hold_member ON vault.hold (member_id);
CREATE TABLE vault.residue (
	residue_id BIGINT NOT NULL, 
	member_id BIGINT NOT NULL, 
	cause VARCHAR(8) NOT NULL, 
	batch_id BIGINT, 
	hold_id BIGINT, 
	rule VARCHAR(64) NOT NULL, 
	jurisdiction VARCHAR(8) NOT NULL, 
	citation TEXT NOT NULL, 
	settled BOOLEAN NOT NULL, 
	categories TEXT[] NOT NULL, 
	conflicts TEXT[] NOT NULL, 
	tables TEXT NOT NULL, 
	rows INTEGER NOT NULL, 
	files INTEGER NOT NULL, 
	parts INTEGER NOT NULL, 
	digest BYTEA NOT NULL, 
	wrapped BYTEA NOT NULL, 
	site_key VARCHAR(16) NOT NULL, 
	left_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	until DATE, 
	PRIMARY KEY (residue_id)
);
CREATE INDEX residue_batch ON vault.residue (batch_id);
CREATE INDEX residue_member ON vault.residue (member_id);
CREATE TABLE vault.keeping_entry (
	number BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	step VARCHAR(12) NOT NULL, 
	member_id BIGINT, 
	fields TEXT NOT NULL, 
	previous BYTEA NOT NULL, 
	digest BYTEA NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE vault.residue_part (
	residue_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	body BYTEA NOT NULL, 
	PRIMARY KEY (residue_id, number), 
	FOREIGN KEY(residue_id) REFERENCES vault.residue (residue_id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE vault.data_key IS 'domicile:owned the member''s data key, wrapped by the site''s key, which is kept outside PostgreSQL';
COMMENT ON COLUMN vault.data_key.member_id IS 'domicile:home';
COMMENT ON TABLE name_claim IS 'domicile:owned what this member claimed at the hub: keyed digests and the random token that won them';
COMMENT ON COLUMN name_claim.member_id IS 'domicile:home';
COMMENT ON TABLE claim IS 'domicile:owned which countries'' laws claim this member, as declared or assumed';
COMMENT ON COLUMN claim.member_id IS 'domicile:home';
COMMENT ON TABLE consent IS 'domicile:owned consents in the form the law pack asks for; withdrawn ones stay as proof';
COMMENT ON COLUMN consent.member_id IS 'domicile:home';
COMMENT ON TABLE outbox IS 'domicile:owned halves of pairs on their way to the other member''s home';
COMMENT ON COLUMN outbox.member_id IS 'domicile:home';
COMMENT ON TABLE pair_version IS 'domicile:owned the last version drawn for a pair of this member''s: it moves along and only grows, whatever the clock';
COMMENT ON COLUMN pair_version.member_id IS 'domicile:home';
COMMENT ON TABLE copy_register IS 'domicile:owned the copies of this member''s data that other sites hold, each with its licence, and its recall if any';
COMMENT ON COLUMN copy_register.member_id IS 'domicile:home';
COMMENT ON TABLE account IS 'domicile:owned the profile. Whether it is public follows from the member''s publication consent';
COMMENT ON COLUMN account.member_id IS 'domicile:home';
COMMENT ON COLUMN account.avatar IS 'domicile:stored';
COMMENT ON COLUMN account.header IS 'domicile:stored';
COMMENT ON TABLE suspension IS 'domicile:owned the operator has suspended this member: the reason as the member reads it, and when it ends, if it does';
COMMENT ON COLUMN suspension.member_id IS 'domicile:home';
COMMENT ON TABLE tally IS 'domicile:owned counters of one member, apart from `resident` and `account` so that counting blocks neither';
COMMENT ON COLUMN tally.member_id IS 'domicile:home';
COMMENT ON TABLE vault.credential IS 'domicile:owned';
COMMENT ON COLUMN vault.credential.member_id IS 'domicile:home';
COMMENT ON TABLE proposal IS 'domicile:owned relocations that the law suggests to this member; state: open, declined, superseded, done';
COMMENT ON COLUMN proposal.member_id IS 'domicile:home';
COMMENT ON TABLE age_answer IS 'domicile:owned a yes to an age, where the law lets no more be kept: at least so many years, told on that day';
COMMENT ON COLUMN age_answer.member_id IS 'domicile:home';
COMMENT ON TABLE verification IS 'domicile:owned what this member has proved, by which method, for which rules; no document. `digest`: of the number';
COMMENT ON COLUMN verification.member_id IS 'domicile:home';
COMMENT ON TABLE challenge IS 'domicile:owned a question a verifier has asked; `answer` is a keyed hash. Kept for a day, to count';
COMMENT ON COLUMN challenge.member_id IS 'domicile:home';
COMMENT ON TABLE post IS 'domicile:owned a post, with its author. Direct ones'' words are in vault.direct_text; `reply_gone`: what it answers is';
COMMENT ON COLUMN post.author_id IS 'domicile:home';
COMMENT ON COLUMN post.reply_author IS 'domicile:pair {"pair":"reply","side":"truth","rest":["reply_post","post_id"],"version":"","unless":["reply_gone","true"]}';
COMMENT ON TABLE vault.direct_text IS 'domicile:owned content, source and spoiler of a direct post, as sealed JSON';
COMMENT ON COLUMN vault.direct_text.author_id IS 'domicile:home';
COMMENT ON TABLE media IS 'domicile:owned pictures on posts; the files lie in the site''s store under the member''s id, named by digest';
COMMENT ON COLUMN media.member_id IS 'domicile:home';
COMMENT ON COLUMN media.digest IS 'domicile:stored';
COMMENT ON COLUMN media.preview IS 'domicile:stored';
COMMENT ON TABLE follow IS 'domicile:owned truth of a follow, with the follower; state: requested, accepted';
COMMENT ON COLUMN follow.member_id IS 'domicile:home';
COMMENT ON COLUMN follow.target IS 'domicile:pair {"pair":"follow","side":"truth","same":["state"]}';
COMMENT ON TABLE follower IS 'domicile:owned the followed member''s half; state: requested, accepted, removed (a tombstone)';
COMMENT ON COLUMN follower.member_id IS 'domicile:home';
COMMENT ON COLUMN follower.follower IS 'domicile:pair {"pair":"follow","side":"half","same":["state"],"unless":["state","removed"],"since":"removed_at"}';
COMMENT ON TABLE reaction IS 'domicile:owned favourite, boost or bookmark, with who reacts; `boost` is the boosting post''s id';
COMMENT ON COLUMN reaction.member_id IS 'domicile:home';
COMMENT ON COLUMN reaction.target_author IS 'domicile:pair {"pair":"reaction","side":"truth","rest":["target_post","kind"],"unless":["kind","bookmark"]}';
COMMENT ON TABLE mention_stub IS 'domicile:owned posts that name this member, and direct ones sent to them';
COMMENT ON COLUMN mention_stub.member_id IS 'domicile:home';
COMMENT ON COLUMN mention_stub.author IS 'domicile:pair {"pair":"mention","side":"half","rest":["post_id"],"unless":["removed","true"],"selves":false}';
COMMENT ON TABLE notification IS 'domicile:owned';
COMMENT ON COLUMN notification.member_id IS 'domicile:home';
COMMENT ON TABLE token IS 'domicile:owned access tokens: only their hash is stored, at home';
COMMENT ON COLUMN token.member_id IS 'domicile:home';
COMMENT ON TABLE authorization_code IS 'domicile:owned';
COMMENT ON COLUMN authorization_code.member_id IS 'domicile:home';
COMMENT ON TABLE session IS 'domicile:owned web log-ins; the cookie begins with the member''s id, its other part is stored as a hash';
COMMENT ON COLUMN session.member_id IS 'domicile:home';
COMMENT ON TABLE notice IS 'domicile:owned what this member was told of a relocation that is to come, in which words, and when: kept as proof';
COMMENT ON COLUMN notice.member_id IS 'domicile:home';
COMMENT ON TABLE vault.challenge_contact IS 'domicile:owned the number a code went to, until the answer';
COMMENT ON COLUMN vault.challenge_contact.member_id IS 'domicile:home';
COMMENT ON TABLE post_mention IS 'domicile:owned whom the author names, in the author''s own words';
COMMENT ON COLUMN post_mention.author_id IS 'domicile:home';
COMMENT ON COLUMN post_mention.mentioned IS 'domicile:pair {"pair":"mention","side":"truth","rest":["post_id"],"selves":false}';
COMMENT ON TABLE post_tag IS 'domicile:owned';
COMMENT ON COLUMN post_tag.author_id IS 'domicile:home';
COMMENT ON TABLE reaction_stub IS 'domicile:owned';
COMMENT ON COLUMN reaction_stub.author_id IS 'domicile:home';
COMMENT ON COLUMN reaction_stub.actor IS 'domicile:pair {"pair":"reaction","side":"half","rest":["post_id","kind"],"unless":["removed","true"]}';
COMMENT ON TABLE reply_stub IS 'domicile:owned replies to a post; `verdict` is the thread owner''s: shown or hidden';
COMMENT ON COLUMN reply_stub.author_id IS 'domicile:home';
COMMENT ON COLUMN reply_stub.reply_author IS 'domicile:pair {"pair":"reply","side":"half","rest":["post_id","reply_post"],"unless":["removed","true"]}';
COMMENT ON TABLE app IS 'domicile:network app registrations: about nobody, the same at every site';
COMMENT ON TABLE resident IS 'domicile:site';
COMMENT ON TABLE route IS 'domicile:site read copy of the hub''s directory for the members this site serves';
COMMENT ON TABLE kept_copy IS 'domicile:site copies of members elsewhere, by a licence of their homes; of a recalled one only the version stays';
COMMENT ON TABLE feed_position IS 'domicile:site';
COMMENT ON TABLE safeguard IS 'domicile:site standard contracts, notices, certifications and assessments that the border''s gates ask for';
COMMENT ON TABLE incident_entry IS 'domicile:site what was said of incidents at this site: counts, categories, clocks; of no single person';
COMMENT ON TABLE crossing_tally IS 'domicile:site what the border decided, counted: no member, no content';
COMMENT ON TABLE activity IS 'domicile:site unique users of a day: sketches under a key kept outside PostgreSQL, pseudonymous personal data';
COMMENT ON TABLE changed IS 'domicile:site keys of rows that changed while their owner is copied, see the fence';
COMMENT ON TABLE erasure IS 'domicile:site members erased here, and the hub''s entry after which every site has heard of it';
COMMENT ON TABLE relocation IS 'domicile:site the batches in which this site is source or target, and which coordinator it obeys';
COMMENT ON TABLE collected IS 'domicile:site which personal columns this site collects, since when: the inventory; about nobody';
COMMENT ON TABLE acknowledgement IS 'domicile:site unmet duties that the operator took upon themselves when a category was first collected, and why';
COMMENT ON TABLE setting IS 'domicile:site';
COMMENT ON TABLE vault.hold IS 'domicile:site what an authority wants preserved of a member at this site; state: placed, released. No `until`: open';
COMMENT ON TABLE vault.residue IS 'domicile:site headings of what had to stay: rule, end, counts, digest of its parts; cause: moved, erased, held';
COMMENT ON COLUMN vault.residue.wrapped IS 'domicile:closed';
COMMENT ON TABLE vault.keeping_entry IS 'domicile:site a chain of hashes: holds placed, renewed, released; residue left, opened, destroyed';
COMMENT ON TABLE vault.residue_part IS 'domicile:site rows and files, sealed under the residue''s own key';
COMMENT ON COLUMN vault.residue_part.body IS 'domicile:closed';

CREATE FUNCTION domicile.fence_vault_data_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'vault.data_key', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'vault.data_key', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'vault.data_key', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON vault.data_key FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_vault_data_key();

CREATE FUNCTION domicile.fence_name_claim() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'name_claim', ARRAY[OLD.kind::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'name_claim', ARRAY[NEW.kind::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'name_claim', ARRAY[OLD.kind::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON name_claim FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_name_claim();

CREATE FUNCTION domicile.fence_claim() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'claim', ARRAY[OLD.jurisdiction::text, OLD.basis::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'claim', ARRAY[NEW.jurisdiction::text, NEW.basis::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'claim', ARRAY[OLD.jurisdiction::text, OLD.basis::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON claim FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_claim();

CREATE FUNCTION domicile.fence_consent() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'consent', ARRAY[OLD.consent_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'consent', ARRAY[NEW.consent_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'consent', ARRAY[OLD.consent_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON consent FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_consent();

CREATE FUNCTION domicile.fence_outbox() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'outbox', ARRAY[OLD.sequence::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'outbox', ARRAY[NEW.sequence::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'outbox', ARRAY[OLD.sequence::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON outbox FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_outbox();

CREATE FUNCTION domicile.fence_pair_version() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'pair_version', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'pair_version', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'pair_version', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON pair_version FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_pair_version();

CREATE FUNCTION domicile.fence_copy_register() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'copy_register', ARRAY[OLD.holder::text, OLD.view::text, OLD.number::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'copy_register', ARRAY[NEW.holder::text, NEW.view::text, NEW.number::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'copy_register', ARRAY[OLD.holder::text, OLD.view::text, OLD.number::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON copy_register FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_copy_register();

CREATE FUNCTION domicile.fence_account() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'account', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'account', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'account', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON account FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_account();

CREATE FUNCTION domicile.fence_suspension() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'suspension', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'suspension', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'suspension', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON suspension FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_suspension();

CREATE FUNCTION domicile.fence_tally() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'tally', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'tally', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'tally', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON tally FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_tally();

CREATE FUNCTION domicile.fence_vault_credential() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'vault.credential', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'vault.credential', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'vault.credential', ARRAY[]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON vault.credential FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_vault_credential();

CREATE FUNCTION domicile.fence_proposal() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'proposal', ARRAY[OLD.proposal_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'proposal', ARRAY[NEW.proposal_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'proposal', ARRAY[OLD.proposal_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON proposal FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_proposal();

CREATE FUNCTION domicile.fence_age_answer() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'age_answer', ARRAY[OLD.minimum::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'age_answer', ARRAY[NEW.minimum::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'age_answer', ARRAY[OLD.minimum::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON age_answer FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_age_answer();

CREATE FUNCTION domicile.fence_verification() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'verification', ARRAY[OLD.method::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'verification', ARRAY[NEW.method::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'verification', ARRAY[OLD.method::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON verification FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_verification();

CREATE FUNCTION domicile.fence_challenge() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'challenge', ARRAY[OLD.challenge_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'challenge', ARRAY[NEW.challenge_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'challenge', ARRAY[OLD.challenge_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON challenge FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_challenge();

CREATE FUNCTION domicile.fence_post() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.author_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.author_id, 'post', ARRAY[OLD.post_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.author_id <> OLD.author_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.author_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.author_id, 'post', ARRAY[NEW.post_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.author_id, 'post', ARRAY[OLD.post_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON post FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_post();

CREATE FUNCTION domicile.fence_vault_direct_text() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.author_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.author_id, 'vault.direct_text', ARRAY[OLD.post_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.author_id <> OLD.author_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.author_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.author_id, 'vault.direct_text', ARRAY[NEW.post_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.author_id, 'vault.direct_text', ARRAY[OLD.post_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON vault.direct_text FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_vault_direct_text();

CREATE FUNCTION domicile.fence_media() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'media', ARRAY[OLD.media_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'media', ARRAY[NEW.media_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'media', ARRAY[OLD.media_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON media FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_media();

CREATE FUNCTION domicile.fence_follow() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'follow', ARRAY[OLD.target::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'follow', ARRAY[NEW.target::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'follow', ARRAY[OLD.target::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON follow FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_follow();

CREATE FUNCTION domicile.fence_follower() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'follower', ARRAY[OLD.follower::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'follower', ARRAY[NEW.follower::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'follower', ARRAY[OLD.follower::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON follower FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_follower();

CREATE FUNCTION domicile.fence_reaction() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'reaction', ARRAY[OLD.kind::text, OLD.target_author::text, OLD.target_post::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'reaction', ARRAY[NEW.kind::text, NEW.target_author::text, NEW.target_post::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'reaction', ARRAY[OLD.kind::text, OLD.target_author::text, OLD.target_post::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON reaction FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_reaction();

CREATE FUNCTION domicile.fence_mention_stub() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'mention_stub', ARRAY[OLD.author::text, OLD.post_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'mention_stub', ARRAY[NEW.author::text, NEW.post_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'mention_stub', ARRAY[OLD.author::text, OLD.post_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON mention_stub FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_mention_stub();

CREATE FUNCTION domicile.fence_notification() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'notification', ARRAY[OLD.notification_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'notification', ARRAY[NEW.notification_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'notification', ARRAY[OLD.notification_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON notification FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_notification();

CREATE FUNCTION domicile.fence_token() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'token', ARRAY[OLD.digest::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'token', ARRAY[NEW.digest::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'token', ARRAY[OLD.digest::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON token FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_token();

CREATE FUNCTION domicile.fence_authorization_code() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'authorization_code', ARRAY[OLD.digest::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'authorization_code', ARRAY[NEW.digest::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'authorization_code', ARRAY[OLD.digest::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON authorization_code FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_authorization_code();

CREATE FUNCTION domicile.fence_session() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'session', ARRAY[OLD.digest::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'session', ARRAY[NEW.digest::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'session', ARRAY[OLD.digest::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON session FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_session();

CREATE FUNCTION domicile.fence_notice() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'notice', ARRAY[OLD.notice_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'notice', ARRAY[NEW.notice_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'notice', ARRAY[OLD.notice_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON notice FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_notice();

CREATE FUNCTION domicile.fence_vault_challenge_contact() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.member_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.member_id, 'vault.challenge_contact', ARRAY[OLD.challenge_id::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.member_id <> OLD.member_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.member_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.member_id, 'vault.challenge_contact', ARRAY[NEW.challenge_id::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.member_id, 'vault.challenge_contact', ARRAY[OLD.challenge_id::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON vault.challenge_contact FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_vault_challenge_contact();

CREATE FUNCTION domicile.fence_post_mention() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.author_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.author_id, 'post_mention', ARRAY[OLD.post_id::text, OLD.mentioned::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.author_id <> OLD.author_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.author_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.author_id, 'post_mention', ARRAY[NEW.post_id::text, NEW.mentioned::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.author_id, 'post_mention', ARRAY[OLD.post_id::text, OLD.mentioned::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON post_mention FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_post_mention();

CREATE FUNCTION domicile.fence_post_tag() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.author_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.author_id, 'post_tag', ARRAY[OLD.post_id::text, OLD.tag::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.author_id <> OLD.author_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.author_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.author_id, 'post_tag', ARRAY[NEW.post_id::text, NEW.tag::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.author_id, 'post_tag', ARRAY[OLD.post_id::text, OLD.tag::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON post_tag FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_post_tag();

CREATE FUNCTION domicile.fence_reaction_stub() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.author_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.author_id, 'reaction_stub', ARRAY[OLD.post_id::text, OLD.kind::text, OLD.actor::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.author_id <> OLD.author_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.author_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.author_id, 'reaction_stub', ARRAY[NEW.post_id::text, NEW.kind::text, NEW.actor::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.author_id, 'reaction_stub', ARRAY[OLD.post_id::text, OLD.kind::text, OLD.actor::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON reaction_stub FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_reaction_stub();

CREATE FUNCTION domicile.fence_reply_stub() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.author_id AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.author_id, 'reply_stub', ARRAY[OLD.post_id::text, OLD.reply_author::text, OLD.reply_post::text]::text[]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.author_id <> OLD.author_id THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.author_id
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.author_id, 'reply_stub', ARRAY[NEW.post_id::text, NEW.reply_author::text, NEW.reply_post::text]::text[]) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.author_id, 'reply_stub', ARRAY[OLD.post_id::text, OLD.reply_author::text, OLD.reply_post::text]::text[]) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON reply_stub FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.fence_reply_stub();

CREATE FUNCTION domicile.recall_claim() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.member_id AND state = 'held';
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = NEW.member_id AND state = 'held';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER INSERT OR UPDATE OR DELETE ON claim FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_claim();

CREATE FUNCTION domicile.recall_consent() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.member_id AND state = 'held';
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = NEW.member_id AND state = 'held';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER INSERT OR UPDATE OR DELETE ON consent FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_consent();

CREATE FUNCTION domicile.recall_account() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.member_id AND state = 'held';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER UPDATE OR DELETE ON account FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_account();

CREATE FUNCTION domicile.recall_suspension() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.member_id AND state = 'held';
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = NEW.member_id AND state = 'held';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER INSERT OR UPDATE OR DELETE ON suspension FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_suspension();

CREATE FUNCTION domicile.recall_post() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.author_id AND state = 'held' AND view = 'posts' AND number = OLD.post_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER UPDATE OF visibility, content, source, spoiler, sensitive, language, reply_author, reply_post, boost_author, boost_post, client, idempotency, edited_at OR DELETE ON post FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_post();

CREATE FUNCTION domicile.recall_media() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.member_id AND state = 'held' AND view = 'posts' AND number = OLD.post_id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = NEW.member_id AND state = 'held' AND view = 'posts' AND number = NEW.post_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER INSERT OR UPDATE OR DELETE ON media FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_media();

CREATE FUNCTION domicile.recall_post_mention() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.author_id AND state = 'held' AND view = 'posts' AND number = OLD.post_id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = NEW.author_id AND state = 'held' AND view = 'posts' AND number = NEW.post_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER INSERT OR UPDATE OR DELETE ON post_mention FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_post_mention();

CREATE FUNCTION domicile.recall_post_tag() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = OLD.author_id AND state = 'held' AND view = 'posts' AND number = OLD.post_id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = NEW.author_id AND state = 'held' AND view = 'posts' AND number = NEW.post_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER INSERT OR UPDATE OR DELETE ON post_tag FOR EACH ROW
  WHEN (current_user <> 'domicile_import') EXECUTE FUNCTION domicile.recall_post_tag();

CREATE FUNCTION vault.read_data_key(owners bigint[]) RETURNS SETOF vault.data_key
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT * FROM vault.data_key WHERE member_id = ANY (owners) $$;
CREATE FUNCTION vault.write_data_key(the_member_id BIGINT, the_wrapped BYTEA, the_site_key VARCHAR(16)) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.data_key (member_id, wrapped, site_key) VALUES (the_member_id, the_wrapped, the_site_key) ON CONFLICT (member_id) DO UPDATE SET wrapped = EXCLUDED.wrapped, site_key = EXCLUDED.site_key $$;
CREATE FUNCTION vault.erase_data_key(the_member_id BIGINT) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ WITH gone AS (DELETE FROM vault.data_key t WHERE t.member_id = the_member_id RETURNING 1) SELECT count(*) FROM gone $$;

CREATE FUNCTION vault.read_credential(owners bigint[]) RETURNS SETOF vault.credential
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT * FROM vault.credential WHERE member_id = ANY (owners) $$;
CREATE FUNCTION vault.write_credential(the_member_id BIGINT, the_email BYTEA, the_phone BYTEA, the_birth_date BYTEA, the_password_hash BYTEA) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.credential (member_id, email, phone, birth_date, password_hash) VALUES (the_member_id, the_email, the_phone, the_birth_date, the_password_hash) ON CONFLICT (member_id) DO UPDATE SET email = EXCLUDED.email, phone = EXCLUDED.phone, birth_date = EXCLUDED.birth_date, password_hash = EXCLUDED.password_hash $$;
CREATE FUNCTION vault.erase_credential(the_member_id BIGINT) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ WITH gone AS (DELETE FROM vault.credential t WHERE t.member_id = the_member_id RETURNING 1) SELECT count(*) FROM gone $$;

CREATE FUNCTION vault.read_direct_text(owners bigint[]) RETURNS SETOF vault.direct_text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT * FROM vault.direct_text WHERE author_id = ANY (owners) $$;
CREATE FUNCTION vault.write_direct_text(the_author_id BIGINT, the_post_id BIGINT, the_body BYTEA) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.direct_text (author_id, post_id, body) VALUES (the_author_id, the_post_id, the_body) ON CONFLICT (author_id, post_id) DO UPDATE SET body = EXCLUDED.body $$;
CREATE FUNCTION vault.erase_direct_text(the_author_id BIGINT, the_post_id BIGINT) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ WITH gone AS (DELETE FROM vault.direct_text t WHERE t.author_id = the_author_id AND t.post_id = the_post_id RETURNING 1) SELECT count(*) FROM gone $$;

CREATE FUNCTION vault.read_some_direct_text(owners bigint[], keys bigint[]) RETURNS SETOF vault.direct_text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT t.* FROM unnest(owners, keys) AS a (o, k) JOIN vault.direct_text t ON t.author_id = a.o AND t.post_id = a.k $$;

CREATE FUNCTION vault.read_challenge_contact(owners bigint[]) RETURNS SETOF vault.challenge_contact
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT * FROM vault.challenge_contact WHERE member_id = ANY (owners) $$;
CREATE FUNCTION vault.write_challenge_contact(the_member_id BIGINT, the_challenge_id BIGINT, the_contact BYTEA) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.challenge_contact (member_id, challenge_id, contact) VALUES (the_member_id, the_challenge_id, the_contact) ON CONFLICT (member_id, challenge_id) DO UPDATE SET contact = EXCLUDED.contact $$;
CREATE FUNCTION vault.erase_challenge_contact(the_member_id BIGINT, the_challenge_id BIGINT) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ WITH gone AS (DELETE FROM vault.challenge_contact t WHERE t.member_id = the_member_id AND t.challenge_id = the_challenge_id RETURNING 1) SELECT count(*) FROM gone $$;

CREATE FUNCTION vault.read_some_challenge_contact(owners bigint[], keys bigint[]) RETURNS SETOF vault.challenge_contact
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT t.* FROM unnest(owners, keys) AS a (o, k) JOIN vault.challenge_contact t ON t.member_id = a.o AND t.challenge_id = a.k $$;
CREATE FUNCTION domicile.analyze_tables() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN ANALYZE resident, vault.data_key, name_claim, claim, consent, outbox, pair_version, copy_register, account, suspension, tally, vault.credential, proposal, age_answer, verification, challenge, post, vault.direct_text, media, follow, follower, reaction, mention_stub, notification, token, authorization_code, session, notice, vault.challenge_contact, post_mention, post_tag, reaction_stub, reply_stub, app, route, kept_copy, feed_position, safeguard, incident_entry, crossing_tally, activity, changed, erasure, relocation, collected, acknowledgement, setting, vault.hold, vault.residue, vault.keeping_entry, vault.residue_part; END $$;
REVOKE ALL ON FUNCTION domicile.analyze_tables() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION domicile.analyze_tables() TO domicile_import;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public, vault, domicile TO domicile_app, domicile_import, domicile_audit;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA vault TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON resident TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault.data_key TO domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON name_claim TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON claim TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON consent TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON pair_version TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON copy_register TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON account TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON suspension TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON tally TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault.credential TO domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON proposal TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON age_answer TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON verification TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON challenge TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON post TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault.direct_text TO domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON media TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON follow TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON follower TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON reaction TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON mention_stub TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON notification TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON token TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON authorization_code TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON session TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON notice TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault.challenge_contact TO domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON post_mention TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON post_tag TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON reaction_stub TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON reply_stub TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON app TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON route TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON kept_copy TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_position TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON safeguard TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON incident_entry TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON crossing_tally TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON activity TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON changed TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON erasure TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON relocation TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON collected TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON acknowledgement TO domicile_app, domicile_import;
GRANT SELECT, INSERT, UPDATE, DELETE ON setting TO domicile_app, domicile_import;
GRANT INSERT, UPDATE, SELECT (hold_id, member_id, state, authority, rule, jurisdiction, citation, reason, categories, secret, placed_at, until, released_at) ON vault.hold TO domicile_import;
GRANT INSERT, DELETE, SELECT (residue_id, member_id, cause, batch_id, hold_id, rule, jurisdiction, citation, settled, categories, conflicts, tables, rows, files, parts, digest, site_key, left_at, until) ON vault.residue TO domicile_import;
GRANT INSERT, SELECT (number, at, step, member_id, fields, previous, digest) ON vault.keeping_entry TO domicile_import;
GRANT INSERT, SELECT (residue_id, number) ON vault.residue_part TO domicile_import;
GRANT SELECT (member_id) ON vault.data_key TO domicile_audit;
GRANT SELECT (member_id) ON name_claim TO domicile_audit;
GRANT SELECT (member_id, jurisdiction, basis, assumed) ON claim TO domicile_audit;
GRANT SELECT (member_id, kind, withdrawn_at) ON consent TO domicile_audit;
GRANT SELECT (member_id, sequence, recipient, kind) ON outbox TO domicile_audit;
GRANT SELECT (member_id) ON pair_version TO domicile_audit;
GRANT SELECT (member_id, holder, view, number, version, sections, rules, shows_home, until, state, reason, asked_at, attempts) ON copy_register TO domicile_audit;
GRANT SELECT (member_id, avatar, header) ON account TO domicile_audit;
GRANT SELECT (member_id) ON suspension TO domicile_audit;
GRANT SELECT (member_id) ON tally TO domicile_audit;
GRANT SELECT (member_id) ON vault.credential TO domicile_audit;
GRANT SELECT (member_id, target, lawful, state) ON proposal TO domicile_audit;
GRANT SELECT (member_id) ON age_answer TO domicile_audit;
GRANT SELECT (member_id) ON verification TO domicile_audit;
GRANT SELECT (member_id) ON challenge TO domicile_audit;
GRANT SELECT (author_id, post_id, reply_author, reply_post, reply_gone, boost_author) ON post TO domicile_audit;
GRANT SELECT (author_id) ON vault.direct_text TO domicile_audit;
GRANT SELECT (member_id, digest, preview) ON media TO domicile_audit;
GRANT SELECT (member_id, target, state, version) ON follow TO domicile_audit;
GRANT SELECT (member_id, follower, state, version, removed_at) ON follower TO domicile_audit;
GRANT SELECT (member_id, kind, target_author, target_post, version) ON reaction TO domicile_audit;
GRANT SELECT (member_id, author, post_id, version, removed) ON mention_stub TO domicile_audit;
GRANT SELECT (member_id, actor, post_author) ON notification TO domicile_audit;
GRANT SELECT (member_id) ON token TO domicile_audit;
GRANT SELECT (member_id) ON authorization_code TO domicile_audit;
GRANT SELECT (member_id) ON session TO domicile_audit;
GRANT SELECT (member_id) ON notice TO domicile_audit;
GRANT SELECT (member_id) ON vault.challenge_contact TO domicile_audit;
GRANT SELECT (author_id, post_id, mentioned, version) ON post_mention TO domicile_audit;
GRANT SELECT (author_id) ON post_tag TO domicile_audit;
GRANT SELECT (author_id, post_id, kind, actor, version, removed) ON reaction_stub TO domicile_audit;
GRANT SELECT (author_id, post_id, reply_author, reply_post, version, removed) ON reply_stub TO domicile_audit;
GRANT SELECT ON resident TO domicile_audit;
GRANT SELECT ON app TO domicile_audit;
GRANT SELECT ON route TO domicile_audit;
GRANT SELECT (member_id, view, number, version, until, received_at, recalled) ON kept_copy TO domicile_audit;
GRANT SELECT ON feed_position TO domicile_audit;
GRANT SELECT ON safeguard TO domicile_audit;
GRANT SELECT ON incident_entry TO domicile_audit;
GRANT SELECT ON crossing_tally TO domicile_audit;
GRANT SELECT ON activity TO domicile_audit;
GRANT SELECT ON changed TO domicile_audit;
GRANT SELECT ON erasure TO domicile_audit;
GRANT SELECT ON relocation TO domicile_audit;
GRANT SELECT ON collected TO domicile_audit;
GRANT SELECT ON acknowledgement TO domicile_audit;
GRANT SELECT ON setting TO domicile_audit;
GRANT SELECT ON vault.hold TO domicile_audit;
GRANT SELECT (residue_id, member_id, cause, batch_id, hold_id, rule, jurisdiction, citation, settled, categories, conflicts, tables, rows, files, parts, digest, site_key, left_at, until) ON vault.residue TO domicile_audit;
GRANT SELECT ON vault.keeping_entry TO domicile_audit;
GRANT SELECT (residue_id, number) ON vault.residue_part TO domicile_audit;
