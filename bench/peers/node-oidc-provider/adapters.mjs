// Storage for oidc-provider as an integrator would write it: one table, one row per model, prepared statements, no
// transactions of its own. The adapter's contract is in oidc-provider's example/my_adapter.js.
import Database from 'better-sqlite3';
import pg from 'pg';

const seconds = () => Math.floor(Date.now() / 1000);

/** SQLite in WAL mode. `synchronous` FULL keeps an acknowledged commit through a power cut; NORMAL may lose it. */
export function openSqlite(path, synchronous = 'FULL') {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma(`synchronous = ${synchronous === 'NORMAL' ? 'NORMAL' : 'FULL'}`);
  db.pragma('busy_timeout = 5000');
  db.exec(`
    CREATE TABLE IF NOT EXISTS oidc (
      model TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL, grant_id TEXT, uid TEXT, user_code TEXT,
      expires_at INTEGER, consumed_at INTEGER, PRIMARY KEY (model, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS oidc_grant_id ON oidc (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS oidc_uid ON oidc (uid) WHERE uid IS NOT NULL;
    CREATE INDEX IF NOT EXISTS oidc_user_code ON oidc (user_code) WHERE user_code IS NOT NULL;
  `);
  const select = 'SELECT payload, expires_at, consumed_at FROM oidc WHERE model = ? AND';
  const sql = {
    upsert: db.prepare(`
      INSERT INTO oidc (model, id, payload, grant_id, uid, user_code, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
        uid = excluded.uid, user_code = excluded.user_code, expires_at = excluded.expires_at`),
    find: db.prepare(`${select} id = ?`),
    findByUid: db.prepare(`${select} uid = ?`),
    findByUserCode: db.prepare(`${select} user_code = ?`),
    destroy: db.prepare('DELETE FROM oidc WHERE model = ? AND id = ?'),
    consume: db.prepare('UPDATE oidc SET consumed_at = ? WHERE model = ? AND id = ?'),
    revoke: db.prepare('DELETE FROM oidc WHERE grant_id = ?'),
  };
  const value = (row) => {
    if (!row || (row.expires_at && row.expires_at < seconds())) return undefined;
    const payload = JSON.parse(row.payload);
    return row.consumed_at ? { ...payload, consumed: row.consumed_at } : payload;
  };

  class SqliteAdapter {
    constructor(model) { this.model = model; }

    async upsert(id, payload, expiresIn) {
      sql.upsert.run(
        this.model, id, JSON.stringify(payload), payload.grantId ?? null, payload.uid ?? null,
        payload.userCode ?? null, expiresIn ? seconds() + expiresIn : null,
      );
    }

    async find(id) { return value(sql.find.get(this.model, id)); }

    async findByUid(uid) { return value(sql.findByUid.get(this.model, uid)); }

    async findByUserCode(userCode) { return value(sql.findByUserCode.get(this.model, userCode)); }

    async destroy(id) { sql.destroy.run(this.model, id); }

    async consume(id) { sql.consume.run(seconds(), this.model, id); }

    async revokeByGrantId(grantId) { sql.revoke.run(grantId); }
  }

  return {
    Adapter: SqliteAdapter,
    bulk: async (work) => {
      db.exec('BEGIN IMMEDIATE');
      try {
        await work();
        db.exec('COMMIT');
      } catch (error) {
        db.exec('ROLLBACK');
        throw error;
      }
    },
    close: async () => db.close(),
  };
}

/** PostgreSQL through a pool of 20 connections, every statement prepared under its name. */
export async function openPostgres(connectionString, max = 20) {
  const pool = new pg.Pool({ connectionString, max });
  await pool.query(`
    CREATE TABLE IF NOT EXISTS oidc (
      model text NOT NULL, id text NOT NULL, payload jsonb NOT NULL, grant_id text, uid text, user_code text,
      expires_at timestamptz, consumed_at timestamptz, PRIMARY KEY (model, id)
    );
    CREATE INDEX IF NOT EXISTS oidc_grant_id ON oidc (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS oidc_uid ON oidc (uid) WHERE uid IS NOT NULL;
    CREATE INDEX IF NOT EXISTS oidc_user_code ON oidc (user_code) WHERE user_code IS NOT NULL;
  `);
  const run = (name, text, values) => pool.query({ name, text, values });
  const select = 'SELECT payload, expires_at, consumed_at FROM oidc WHERE model = $1 AND';
  const value = ({ rows: [row] }) => {
    if (!row || (row.expires_at && row.expires_at.getTime() < Date.now())) return undefined;
    return row.consumed_at
      ? { ...row.payload, consumed: Math.floor(row.consumed_at.getTime() / 1000) }
      : row.payload;
  };

  class PostgresAdapter {
    constructor(model) { this.model = model; }

    async upsert(id, payload, expiresIn) {
      await run('upsert', `
        INSERT INTO oidc (model, id, payload, grant_id, uid, user_code, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
          uid = excluded.uid, user_code = excluded.user_code, expires_at = excluded.expires_at`, [
        this.model, id, JSON.stringify(payload), payload.grantId ?? null, payload.uid ?? null,
        payload.userCode ?? null, expiresIn ? new Date(Date.now() + expiresIn * 1000) : null,
      ]);
    }

    async find(id) { return value(await run('find', `${select} id = $2`, [this.model, id])); }

    async findByUid(uid) { return value(await run('findByUid', `${select} uid = $2`, [this.model, uid])); }

    async findByUserCode(userCode) {
      return value(await run('findByUserCode', `${select} user_code = $2`, [this.model, userCode]));
    }

    async destroy(id) { await run('destroy', 'DELETE FROM oidc WHERE model = $1 AND id = $2', [this.model, id]); }

    async consume(id) {
      await run('consume', 'UPDATE oidc SET consumed_at = now() WHERE model = $1 AND id = $2', [this.model, id]);
    }

    async revokeByGrantId(grantId) { await run('revoke', 'DELETE FROM oidc WHERE grant_id = $1', [grantId]); }
  }

  return { Adapter: PostgresAdapter, bulk: (work) => work(), close: () => pool.end() };
}

/** By the environment: DB=sqlite with DB_PATH and SYNCHRONOUS, or DB=postgres with DATABASE_URL. */
export function openStorage(env = process.env) {
  if (env.DB === 'postgres') return openPostgres(env.DATABASE_URL);
  return openSqlite(env.DB_PATH ?? ':memory:', env.SYNCHRONOUS);
}
