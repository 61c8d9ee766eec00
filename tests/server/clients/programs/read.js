// Prints what node-postgres reads, by its own types.
const { Client } = require("pg");

async function main() {
  const client = new Client();
  await client.connect();
  for (const query of [process.argv[2], { text: process.argv[2] + " LIMIT $1", values: [1000] }]) {
    const result = await client.query(query);
    for (const row of result.rows)
      for (const [name, value] of Object.entries(row)) console.log(name, JSON.stringify(value));
  }
  await client.end();
}

main().catch((error) => { console.error(error.message); process.exit(1); });
