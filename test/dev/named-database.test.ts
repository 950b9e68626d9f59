import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameDatabase } from '../../src/dev/named-database.ts'

test('a database is named without its user and password, wherever they stand in the URL', () => {
  const named = {
    'postgres://ann:s3cret@db.example/shop?sslmode=require': 'shop on db.example:5432',
    'postgres://db.example:6432/shop?user=ann&password=s3cret': 'shop on db.example:6432',
    'postgresql://[::1]:5433/shop': 'shop on [::1]:5433',
    // As libpq has it: the name of the user is that of the database, and a directory that of a socket.
    'postgres://ann:s3cret@localhost': 'ann on localhost:5432',
    'postgres:///shop?host=/run/postgresql&port=5434': 'shop on /run/postgresql:5434',
  }
  for (const [url, name] of Object.entries(named)) assert.equal(nameDatabase(url), name)
})
