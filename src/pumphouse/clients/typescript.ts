// Reads tables of a Pumphouse server. Made by `pumphouse clients`.
import { RecordBatchReader, Table as ArrowTable, Vector, type RecordBatch } from "apache-arrow";

/** What a condition may name: `where("amount > $least", { least: 10 })`. */
export type Value = null | boolean | number | bigint | string | Date | readonly (boolean | number | bigint | string | Date)[];

/** How the exact value of a column becomes one of JavaScript's: as it is, or as text that rounds nothing. */
export type Form = "plain" | "text" | "moment" | "local" | `text${"[]" | "[][]"}`;

/** Something went wrong that a person can mend. */
export class PumphouseError extends Error {
  constructor(
    what: string,
    readonly mend: string | null = null,
    readonly status: number | null = null,
  ) {
    super(mend ? `${what}. ${mend}` : what);
    this.name = "PumphouseError";
  }
}

const TRIES = 4;
const WAIT_MS = 200;
const END = [255, 255, 255, 255, 0, 0, 0, 0];
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A server, and whose token is shown to it. */
export class Server {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string | undefined) {
    const at = new URL(url);
    const near = ["localhost", "[::1]"].includes(at.hostname) || /^127\./.test(at.hostname);
    if (at.protocol !== "https:" && !near) {
      throw new PumphouseError(`over ${url} your token and the rows would go in the clear`, "Use https://.");
    }
    this.url = url.replace(/\/+$/, "");
    this.#token = token ?? process.env["PUMPHOUSE_TOKEN"] ?? "";
  }

  /** Batches of a query's rows, as they come. Leaving the loop early ends the query. */
  async *batches(sql: string, values: Record<string, Value>, snapshot: number | null): AsyncGenerator<RecordBatch> {
    const leaving = new AbortController();
    try {
      const answer = await this.#ask(question(sql, values, snapshot), leaving.signal);
      const reader = await RecordBatchReader.from(whole(answer));
      for await (const batch of reader) yield batch;
    } finally {
      leaving.abort();
    }
  }

  async #ask(body: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const headers = {
      Authorization: `Bearer ${this.#token}`,
      Accept: "application/vnd.apache.arrow.stream",
      "Content-Type": "application/json",
    };
    for (let attempt = 1; ; attempt += 1) {
      let answer: Response | null = null;
      try {
        answer = await fetch(`${this.url}/api/sql`, { method: "POST", headers, body, signal, redirect: "error" });
      } catch (error) {
        if (attempt === TRIES) throw new PumphouseError(`${this.url} can't be reached: ${String(error)}`);
      }
      if (answer?.ok && answer.body) return answer.body as unknown as AsyncIterable<Uint8Array>;
      if (answer && (answer.status !== 503 || attempt === TRIES)) {
        const said = (await answer.json().catch(() => ({}))) as { error?: string; mend?: string | null };
        throw new PumphouseError(said.error ?? `the answer has status ${answer.status}`, said.mend, answer.status);
      }
      await new Promise((done) => setTimeout(done, WAIT_MS * 2 ** attempt * (0.5 + Math.random() / 2)));
    }
  }
}

/** The rows of a table, or some of them. A value: nothing is asked before rows are wanted. */
export class Table<Row> {
  constructor(
    private readonly server: Server,
    private readonly name: string,
    private readonly forms: Readonly<Record<string, Form>>,
    private readonly conditions: readonly string[] = [],
    private readonly values: Readonly<Record<string, Value>> = {},
    private readonly ordered: readonly string[] = [],
    private readonly most: number | null = null,
    private readonly snapshot: number | null = null,
  ) {}

  /** With these columns alone. */
  select<Name extends keyof Row & string>(...names: Name[]): Table<Pick<Row, Name>> {
    const forms = Object.fromEntries(names.map((name) => [name, this.forms[name] ?? "plain"]));
    return this.#with({ forms }) as unknown as Table<Pick<Row, Name>>;
  }

  /** With the rows alone that meet a condition in SQL. Values go beside the text, and never become part of it. */
  where(condition: string, values: Record<string, Value> = {}): Table<Row> {
    for (const name of Object.keys(values)) {
      if (name in this.values) throw new PumphouseError(`$${name} has two values`, "Call one of them something else.");
    }
    return this.#with({ conditions: [...this.conditions, condition], values: { ...this.values, ...values } });
  }

  /** In the order of these columns; with a minus from the last to the first. */
  order(...columns: (string & (keyof Row | `-${keyof Row & string}`))[]): Table<Row> {
    return this.#with({ ordered: columns });
  }

  /** With at most so many rows. */
  limit(rows: number): Table<Row> {
    return this.#with({ most: rows });
  }

  /** As it was at a snapshot. */
  at(snapshot: number): Table<Row> {
    return this.#with({ snapshot });
  }

  /** Row by row, as they come: `for await (const row of table.rows())`. */
  async *rows(): AsyncGenerator<Row> {
    for await (const batch of this.server.batches(this.#sql(true), { ...this.values }, this.snapshot)) {
      for (const row of batch) yield plain(row.toJSON()) as Row;
    }
  }

  /** All rows. */
  async all(): Promise<Row[]> {
    const found: Row[] = [];
    for await (const row of this.rows()) found.push(row);
    return found;
  }

  /** All rows as an Arrow table, each column as the server has it. */
  async arrow(): Promise<ArrowTable> {
    const found: RecordBatch[] = [];
    for await (const batch of this.server.batches(this.#sql(false), { ...this.values }, this.snapshot)) found.push(batch);
    return new ArrowTable(found);
  }

  #sql(exact: boolean): string {
    const columns = Object.entries(this.forms).map(([name, form]) => {
      const column = `t.${quoted(name)}`;
      return `${exact ? written(column, form) : column} AS ${quoted(name)}`;
    });
    const order = this.ordered.map((one) =>
      one.startsWith("-") && !(one in this.forms) ? `t.${quoted(one.slice(1))} DESC` : `t.${quoted(one)}`,
    );
    return [
      `SELECT ${columns.join(", ")} FROM ${quoted(this.name)} AS t`,
      this.conditions.length ? `WHERE ${this.conditions.map((one) => `(${one}\n)`).join(" AND ")}` : "",
      order.length ? `ORDER BY ${order.join(", ")}` : "",
      this.most === null ? "" : `LIMIT ${Math.max(0, Math.floor(this.most))}`,
    ].join(" ");
  }

  #with(change: {
    forms?: Record<string, Form>;
    conditions?: readonly string[];
    values?: Record<string, Value>;
    ordered?: readonly string[];
    most?: number;
    snapshot?: number;
  }): Table<Row> {
    return new Table<Row>(
      this.server,
      this.name,
      change.forms ?? this.forms,
      change.conditions ?? this.conditions,
      change.values ?? this.values,
      change.ordered ?? this.ordered,
      change.most ?? this.most,
      change.snapshot ?? this.snapshot,
    );
  }
}

function written(column: string, form: Form): string {
  if (form === "plain") return column;
  if (form === "moment") return `strftime(${column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`;
  if (form === "local") return `strftime(${column}, '%Y-%m-%dT%H:%M:%S.%f')`;
  return `CAST(${column} AS VARCHAR${form.slice("text".length)})`;
}

/** The body of the request: JSON in which a bigint is a number with all its digits. */
function question(sql: string, values: Record<string, Value>, snapshot: number | null): string {
  const json = (value: Value): string => {
    if (typeof value === "bigint") return value.toString();
    if (Array.isArray(value)) return `[${value.map(json).join(",")}]`;
    return JSON.stringify(value);
  };
  const parameters = Object.entries(values).map(([name, value]) => `${JSON.stringify(name)}:${json(value)}`);
  const parts = [`"sql":${JSON.stringify(sql)}`];
  if (parameters.length) parts.push(`"parameters":{${parameters.join(",")}}`);
  if (snapshot !== null) parts.push(`"snapshot":${snapshot}`);
  return `{${parts.join(",")}}`;
}

/** The same bytes. Throws where they do not end as Arrow ends a stream: what was cut off is never taken for the whole. */
async function* whole(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let last: number[] = [];
  for await (const chunk of body) {
    last = [...last, ...chunk.slice(-END.length)].slice(-END.length);
    yield chunk;
  }
  if (last.join() !== END.join()) throw new PumphouseError("the answer broke off", "Ask again.");
}

/** Lists and records of Arrow as arrays and objects. */
function plain(value: unknown): unknown {
  if (value instanceof Vector) return [...value].map(plain);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  const record = "toJSON" in value ? (value as { toJSON(): object }).toJSON() : value;
  return Object.fromEntries(Object.entries(record).map(([name, one]) => [name, plain(one)]));
}
