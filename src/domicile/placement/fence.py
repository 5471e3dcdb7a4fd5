"""The SQL that makes PostgreSQL itself refuse a row away from its owner's home (rule 1).

`site_ddl` turns a declaration into one script: tables, fence, recalls, vault functions, privileges. The fence is a row
trigger on every owned table. A foreign key alone stops neither an insert in flight nor any UPDATE or DELETE while a
member leaves; `FOR SHARE` on the resident does, because whoever moves a member locks that row first.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import BigInteger, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable

from domicile.placement.marks import audited_columns, column_marks, readable_columns
from domicile.placement.ownership import ROOT, VAULT, OwnedTable, Ownership
from domicile.placement.recalls import recall_ddl

OWNER_ROLE = "domicile_owner"
APP_ROLE = "domicile_app"
IMPORT_ROLE = "domicile_import"
AUDIT_ROLE = "domicile_audit"

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

# A pending member's rows are written by the very transaction that made the member (sign-up, step 1), and only deleted
# afterwards (a lost claim): `xmin` of the resident row is this transaction's own id exactly then.
# While a relocation copies the member (`tracked`), the keys that change are noted for it to catch up with. The lock is
# what makes that complete: who marks the resident waits for writers who hold it, and later ones read the mark with it.
_FENCE_BODY = """
DECLARE tracked boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT r.tracked INTO tracked FROM public.resident r
      WHERE r.member_id = OLD.{owner} AND r.state IN ('home', 'pending') FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (OLD.{owner}, '{relation}', {old_key}) ON CONFLICT DO NOTHING;
      END IF;
      RETURN OLD;
    END IF;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.{owner} <> OLD.{owner} THEN
      RAISE EXCEPTION 'a row never changes its owner' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.tracked INTO tracked FROM public.resident r WHERE r.member_id = NEW.{owner}
      AND (r.state = 'home' OR (r.state = 'pending' AND r.xmin = pg_current_xact_id()::xid)) FOR SHARE;
    IF FOUND THEN
      IF tracked THEN
        INSERT INTO public.changed VALUES (NEW.{owner}, '{relation}', {new_key}) ON CONFLICT DO NOTHING;
        IF TG_OP = 'UPDATE' THEN
          INSERT INTO public.changed VALUES (OLD.{owner}, '{relation}', {old_key}) ON CONFLICT DO NOTHING;
        END IF;
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the owner of this row is not at home here' USING ERRCODE = '55006', TABLE = TG_TABLE_NAME;
END """

_FENCE = """
CREATE FUNCTION domicile.fence_{function}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $${body}$$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW
  WHEN (current_user <> '{import_role}') EXECUTE FUNCTION domicile.fence_{function}();
"""

_VAULT_FUNCTIONS = """
CREATE FUNCTION vault.read_{name}(owners bigint[]) RETURNS SETOF vault.{name}
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT * FROM vault.{name} WHERE {owner} = ANY (owners) $$;
CREATE FUNCTION vault.write_{name}({values}) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.{name} ({columns}) VALUES ({names}) ON CONFLICT ({key}) DO UPDATE SET {assignments} $$;
CREATE FUNCTION vault.erase_{name}({arguments}) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ WITH gone AS (DELETE FROM vault.{name} t WHERE {match} RETURNING 1) SELECT count(*) FROM gone $$;
"""

_VAULT_READ_SOME = """
CREATE FUNCTION vault.read_some_{name}(owners bigint[], keys bigint[]) RETURNS SETOF vault.{name}
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT t.* FROM unnest(owners, keys) AS a (o, k) JOIN vault.{name} t ON t.{owner} = a.o AND t.{second} = a.k $$;
"""


def roles_sql() -> Iterator[str]:
    """The group roles of one server, made if missing. Run by whoever may create roles."""
    for role in (OWNER_ROLE, APP_ROLE, IMPORT_ROLE, AUDIT_ROLE):
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} NOLOGIN; END IF; END $$"
        )


def site_ddl(ownership: Ownership) -> str:
    """One script that makes an empty database a site's: run as the owner role, in one transaction."""
    return "".join(
        [
            "CREATE SCHEMA domicile;\n",
            *_create_tables(ownership),
            *_marks(ownership),
            *(_fence(owned) for owned in ownership.owned),
            *(script for owned in ownership.owned for script in _recall(owned)),
            *(_vault_functions(owned) for owned in ownership.owned if owned.table.schema == VAULT),
            _analyze_function(ownership),
            *_privileges(ownership),
        ]
    )


def _all_tables(ownership: Ownership) -> list[Table]:
    return [ownership.metadata.tables[ROOT], *(o.table for o in ownership.owned), *ownership.network, *ownership.site]


def _create_tables(ownership: Ownership) -> Iterator[str]:
    tables = _all_tables(ownership)
    for schema in sorted({table.schema for table in tables if table.schema}):
        yield f"{CreateSchema(schema).compile(dialect=_DIALECT)};\n"
    for table in tables:
        yield f"{str(CreateTable(table).compile(dialect=_DIALECT)).strip()};\n"
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield f"{CreateIndex(index).compile(dialect=_DIALECT)};\n"


def _marks(ownership: Ownership) -> Iterator[str]:
    """Comments say what a table was declared as, and what the audit must know of its columns (see `marks`)."""
    declared = {"owned": [owned.table for owned in ownership.owned], "network": ownership.network}
    declared["site"] = [ownership.metadata.tables[ROOT], *ownership.site]
    for kind, tables in declared.items():
        for table in tables:
            words = f"domicile:{kind} {table.comment or ''}".strip()
            yield f"COMMENT ON TABLE {_quoted(table)} IS {_literal(words)};\n"
            for column, mark in column_marks(table):
                yield f"COMMENT ON COLUMN {_quoted(table)}.{_quote(column)} IS {_literal(mark)};\n"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(table: Table) -> str:
    return str(_DIALECT.identifier_preparer.format_table(table))


def _quote(name: str) -> str:
    return str(_DIALECT.identifier_preparer.quote(name))


def _function_name(owned: OwnedTable) -> str:
    return owned.name.replace(".", "_")


def fence_body(relation: str, owner: str, key: Sequence[str]) -> str:
    """What the fence of a table does, as PostgreSQL keeps it in pg_proc.prosrc. `key`: the primary key's columns."""
    rest = [_quote(column) for column in key if column != owner]
    old, new = (f"ARRAY[{', '.join(f'{row}.{name}::text' for name in rest)}]::text[]" for row in ("OLD", "NEW"))
    return _FENCE_BODY.format(owner=_quote(owner), relation=relation, old_key=old, new_key=new)


def _fence(owned: OwnedTable) -> str:
    return _FENCE.format(
        function=_function_name(owned),
        body=fence_body(owned.name, owned.owner, owned.key),
        owner=_quote(owned.owner),
        table=_quoted(owned.table),
        import_role=IMPORT_ROLE,
    )


def _recall(owned: OwnedTable) -> Iterator[str]:
    function, owner = _function_name(owned), _quote(owned.owner)
    return recall_ddl(owned.table, _quoted(owned.table), owner, function, IMPORT_ROLE)


def _vault_functions(owned: OwnedTable) -> str:
    types = {column.name: column.type.compile(_DIALECT) for column in owned.table.columns}
    rest = [name for name in owned.columns if name not in owned.key] or [owned.owner]
    script = _VAULT_FUNCTIONS.format(
        name=owned.table.name,
        owner=owned.owner,
        key=", ".join(owned.key),
        columns=", ".join(owned.columns),
        values=", ".join(f"the_{name} {types[name]}" for name in owned.columns),
        names=", ".join(f"the_{name}" for name in owned.columns),
        assignments=", ".join(f"{name} = EXCLUDED.{name}" for name in rest),
        arguments=", ".join(f"the_{name} {types[name]}" for name in owned.key),
        match=" AND ".join(f"t.{name} = the_{name}" for name in owned.key),
    )
    if len(owned.key) == 2 and isinstance(owned.table.columns[owned.key[1]].type, BigInteger):
        script += _VAULT_READ_SOME.format(name=owned.table.name, owner=owned.owner, second=owned.key[1])
    return script


def _analyze_function(ownership: Ownership) -> str:
    """After a bulk load the importer lets the planner know, though it owns no table."""
    names = ", ".join(_quoted(table) for table in _all_tables(ownership))
    return (
        "CREATE FUNCTION domicile.analyze_tables() RETURNS void LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = public AS $$ BEGIN ANALYZE {names}; END $$;\n"
        "REVOKE ALL ON FUNCTION domicile.analyze_tables() FROM PUBLIC;\n"
        f"GRANT EXECUTE ON FUNCTION domicile.analyze_tables() TO {IMPORT_ROLE};\n"
    )


def _privileges(ownership: Ownership) -> Iterator[str]:
    """Least privilege: the app never touches a vault table itself; the auditor reads ids, no content."""
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC;\n"
    yield f"GRANT USAGE ON SCHEMA public, vault, domicile TO {APP_ROLE}, {IMPORT_ROLE}, {AUDIT_ROLE};\n"
    yield "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;\n"
    yield f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA vault TO {APP_ROLE}, {IMPORT_ROLE};\n"
    for table in _all_tables(ownership):
        if rights := table.info.get("domicile.rights"):
            open_columns = ", ".join(map(_quote, readable_columns(table)))
            yield f"GRANT {rights}, SELECT ({open_columns}) ON {_quoted(table)} TO {IMPORT_ROLE};\n"
            continue
        writers = IMPORT_ROLE if table.schema == VAULT else f"{APP_ROLE}, {IMPORT_ROLE}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_quoted(table)} TO {writers};\n"
    for owned in ownership.owned:
        columns = ", ".join(map(_quote, audited_columns(owned.table)))
        yield f"GRANT SELECT ({columns}) ON {_quoted(owned.table)} TO {AUDIT_ROLE};\n"
    for table in (ownership.metadata.tables[ROOT], *ownership.network, *ownership.site):
        some = readable_columns(table)
        columns = "" if len(some) == len(table.columns) else f" ({', '.join(map(_quote, some))})"
        yield f"GRANT SELECT{columns} ON {_quoted(table)} TO {AUDIT_ROLE};\n"
