/** The HTTP client of the command line: one request per connection, over the daemon's Unix socket or a URL. */
import type { ClientRequest, IncomingMessage, request as requestHttp, RequestOptions } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { CliError, NoDaemonError, RefusedError } from './errors.ts';
import { printable } from './output.ts';

/** Plugging waits for the kernel; nothing the daemon does takes longer. */
const ANSWER_MS_DEFAULT = 60_000;

/** A successful answer: the body as it came, and as what it means. An empty body means undefined. */
export interface Answer<T> {
  text: string;
  body: T;
}

type Query = Record<string, string | number | readonly string[] | undefined>;

/** Where the daemon is: its Unix socket, or a URL with the token to show there. */
export type Place = { socket: string } | { url: URL; token: string | undefined };

export class Client {
  readonly #place: Place;
  readonly #answerMsMax: number;
  /** For people. */
  readonly #name: string;

  /** @param answerMsMax of silence, after which a request fails */
  constructor(place: Place, answerMsMax = ANSWER_MS_DEFAULT) {
    this.#place = place;
    this.#answerMsMax = answerMsMax;
    this.#name = 'url' in place ? place.url.origin : place.socket;
  }

  get<T>(path: string, query: Query = {}): Promise<Answer<T>> {
    return this.send('GET', withQuery(path, query));
  }

  /**
   * The lines of an answer that goes on, until the daemon ends it or `stop` is aborted.
   *
   * @throws RefusedError where the daemon answers with an error, CliError where it cannot be reached or falls silent
   */
  async *lines(
    path: string,
    query: Query,
    stop: AbortSignal,
    headers: Record<string, string> = {},
  ): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of this.chunks(withQuery(path, query), stop, headers)) {
      const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  }

  /** The same in pieces as they come. */
  async *chunks(path: string, stop: AbortSignal, headers: Record<string, string> = {}): AsyncGenerator<Buffer> {
    try {
      const response = await this.#open('GET', path, undefined, stop, headers);
      if (response.statusCode !== 200) throw await this.#refusalOf(response);
      for await (const chunk of response) yield chunk as Buffer;
    } catch (error) {
      if (stop.aborted) return;
      throw error instanceof CliError ? error : this.#failure(error);
    }
  }

  /** @throws RefusedError where the daemon answers with an error, CliError where none answers */
  async send<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
    try {
      const response = await this.#open(method, path, body);
      if ((response.statusCode ?? 0) >= 400) throw await this.#refusalOf(response);
      const text = await readText(response);
      const parsed: unknown = text === '' ? undefined : this.#parse(text);
      // What the daemon answers is what its OpenAPI document says; both come from the same release.
      return { text, body: parsed as T };
    } catch (error) {
      throw error instanceof CliError ? error : this.#failure(error);
    }
  }

  /** Sends a request and waits for the head of its answer. */
  async #open(
    method: string,
    path: string,
    body?: object,
    signal?: AbortSignal,
    more: Record<string, string> = {},
  ): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string | number> = { ...more };
    if (payload !== undefined) {
      headers['Content-Type'] = 'application/json';
      headers['Content-Length'] = Buffer.byteLength(payload);
    }
    const request = await this.#protocol();
    return new Promise((resolve, reject) => {
      const options = { method, path, headers, agent: false, ...(signal ? { signal } : {}) };
      const exchange = this.#request(request, options, resolve);
      exchange.setTimeout(this.#answerMsMax, () => {
        exchange.destroy(new Error(`no answer within ${this.#answerMsMax / 1000} s`));
      });
      exchange.on('error', reject);
      exchange.end(payload);
    });
  }

  /** Loaded when it is needed: it takes a tenth of the daemon's start, which does without. */
  async #protocol(): Promise<typeof requestHttp> {
    const isSafe = 'url' in this.#place && this.#place.url.protocol === 'https:';
    return isSafe ? (await import('node:https')).request : (await import('node:http')).request;
  }

  #request(
    request: typeof requestHttp,
    options: Omit<RequestOptions, 'headers'> & { headers: Record<string, string | number>; path: string },
    resolve: (response: IncomingMessage) => void,
  ): ClientRequest {
    const place = this.#place;
    if ('socket' in place) {
      const headers = { ...options.headers, Host: 'localhost' };
      return request({ ...options, headers, socketPath: place.socket }, resolve);
    }
    const { url, token } = place;
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const path = url.pathname.replace(/\/$/, '') + options.path;
    return request(url, { ...options, headers, path }, resolve);
  }

  async #refusalOf(response: IncomingMessage): Promise<CliError> {
    const text = await readText(response);
    return refusal(response.statusCode ?? 0, text, text === '' ? undefined : this.#parse(text));
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new CliError(
        `what answers on ${this.#name} is no tswitch daemon; check ${'url' in this.#place ? '--url' : '--socket'}`,
      );
    }
  }

  #failure(error: unknown): CliError {
    const code = field(error, 'code');
    if ('url' in this.#place && code !== 'ECONNRESET' && code !== 'EPIPE') {
      return new CliError(`cannot reach the daemon at ${this.#name}: ${reasonOf(error)}; check --url`);
    }
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') {
      return new NoDaemonError(`no daemon answers on ${this.#name}; start one with \`tswitch serve\``);
    }
    if (code === 'EACCES' || code === 'EPERM') {
      return new CliError(
        `not permitted to use ${this.#name}; run as the user of the daemon (root), or as a member of the group in its --group`,
      );
    }
    if (code === 'ECONNRESET' || code === 'EPIPE') {
      return new CliError(`the daemon on ${this.#name} ended before it answered; see its log and start it again`);
    }
    return new CliError(`cannot talk to the daemon on ${this.#name}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || String(field(error, 'code')) : String(error);
}

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([key, values]) =>
    [values ?? []].flat().map((value): [string, string] => [key, String(value)]),
  );
  return given.length > 0 ? `${path}?${new URLSearchParams(given).toString()}` : path;
}

function refusal(status: number, text: string, parsed: unknown): CliError {
  const error = field(parsed, 'error');
  const code = field(error, 'code');
  const message = field(error, 'message');
  if (typeof code === 'string' && typeof message === 'string') return new RefusedError(code, printable(message), text);
  return new CliError(`the daemon answered with HTTP status ${status} and no reason; check --socket`);
}

/** Of what was parsed; undefined if it has no such field. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
