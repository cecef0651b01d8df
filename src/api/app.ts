/**
 * The HTTP API as a Hono app over a SwitchControl: routes, strict validation, one shape for errors, and its own
 * documentation. Made apart from the server, so that it says nothing about sockets.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type Log, SILENT } from '../control/log.ts';
import type { SwitchControl } from '../control/model.ts';
import type { NetworksControl } from '../networks/model.ts';
import { VERSION } from '../version.ts';
import { renderDocs } from './docs-page.ts';
import { answerError, ApiError, badRequest, BODY_BYTES_MAX, CONFIG_BYTES_MAX } from './errors.ts';
import type { LoopDelay } from './loop-delay.ts';
import { captureRoutes } from './routes/captures.ts';
import { CONFIG_PATH, configRoutes } from './routes/config.ts';
import { containerRoutes } from './routes/containers.ts';
import { eventRoutes } from './routes/events.ts';
import { fdbRoutes } from './routes/fdb.ts';
import { logicRoutes } from './routes/logic.ts';
import { networkRoutes } from './routes/networks.ts';
import { nicRoutes } from './routes/nics.ts';
import { portRoutes } from './routes/ports.ts';
import { recordingRoutes } from './routes/recordings.ts';
import { statsRoutes } from './routes/stats.ts';
import { healthRoutes } from './routes/health.ts';
import { switchRoutes } from './routes/switch.ts';
import { tokenRoutes } from './routes/tokens.ts';
import type { TokenStore } from './tokens.ts';

const DOCUMENT = {
  openapi: '3.1.0',
  info: {
    title: 'tswitch',
    version: VERSION,
    description:
      'A userspace Ethernet switch. JSON over a Unix socket and, if the daemon was started so, over TCP, with `Authorization: Bearer TOKEN`. Bodies up to 1 MiB (/v1/config: 64 MiB). Unknown fields and parameters are refused.',
  },
};

export interface AppOptions {
  /** Gets faults: errors that no request should be able to cause. */
  report: (error: Error) => void;
  /** Gets each request at level `debug`; left out: nobody does. */
  log?: Log;
  /** Ends the answers that would go on for ever. */
  ended: AbortSignal;
  /** Null: there are none. */
  tokens: TokenStore | null;
  loopDelay: LoopDelay;
  /** Null: there are none. */
  networks: NetworksControl | null;
}

export function createApp(control: SwitchControl, options: AppOptions): OpenAPIHono {
  const { report, log = SILENT, ended, tokens, loopDelay, networks } = options;
  const app = new OpenAPIHono();
  app.use(logRequests(log));
  app.onError((error) => answerError(error, report));
  app.notFound((context) => {
    const error = new ApiError(
      'ROUTE_NOT_FOUND',
      `there is no route ${context.req.path}; GET /openapi.json lists them all`,
    );
    return answerError(error, report);
  });
  const [ordinary, long] = [limitBody(BODY_BYTES_MAX), limitBody(CONFIG_BYTES_MAX)];
  app.use((context, next) => (context.req.path === CONFIG_PATH ? long : ordinary)(context, next));
  app.use(assumeJson);
  app.defaultHook = (result) => {
    if (!result.success) throw badRequest(result.error.issues);
  };
  app.route('/', portRoutes(control));
  app.route('/', fdbRoutes(control));
  app.route('/', switchRoutes(control));
  app.route('/', configRoutes(control, networks));
  app.route('/', networkRoutes(networks));
  app.route('/', containerRoutes(networks));
  app.route('/', nicRoutes(networks));
  app.route('/', statsRoutes(control));
  app.route('/', logicRoutes(control));
  app.route('/', eventRoutes(control.events, { ended }));
  app.route('/', captureRoutes(control, ended));
  app.route('/', recordingRoutes(control, ended));
  app.route('/', tokenRoutes(tokens));
  app.route('/', healthRoutes(control, loopDelay));
  addDocumentation(app);
  refuseOtherMethods(app);
  return app;
}

/** By path, without its query. Of an answer that goes on, when it begins. */
function logRequests(log: Log): MiddlewareHandler {
  return async (context, next) => {
    const beginMs = performance.now();
    await next();
    const { method, path } = context.req;
    const ms = Math.round((performance.now() - beginMs) * 10) / 10;
    log.debug('request', { method, path, status: context.res.status, ms });
  };
}

function limitBody(bytesMax: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: bytesMax,
    onError: () => {
      throw new ApiError('BODY_TOO_LARGE', `the body is longer than ${bytesMax} bytes`, { Connection: 'close' });
    },
  });
}

/**
 * Reads a body without a type as JSON, and curl's default type too, so that `curl -d '{…}'` just works; a type without a
 * body means nothing. Safe on a Unix socket, which no web page reaches; over TCP the guard has insisted on the type.
 */
async function assumeJson(context: Context, next: () => Promise<void>): Promise<void> {
  const { headers } = context.req.raw;
  const hasBody = headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0;
  const type = headers.get('content-type');
  if (!hasBody) headers.delete('content-type');
  else if (type === null || type.startsWith('application/x-www-form-urlencoded')) {
    headers.set('content-type', 'application/json');
  }
  await next();
}

function addDocumentation(app: OpenAPIHono): void {
  const document = app.getOpenAPI31Document(DOCUMENT);
  const page = renderDocs(document);
  app.get('/openapi.json', (context) => context.json(document));
  app.get('/docs', (context) =>
    context.html(page, 200, { 'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'" }),
  );
}

/** Every path that exists answers 405 to the methods it does not have. Must come after all routes. */
function refuseOtherMethods(app: OpenAPIHono): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === 'ALL') continue;
    const allowed = methods.get(path) ?? new Set();
    methods.set(path, allowed.add(method));
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed].sort().join(', ');
    app.all(path, (context) => {
      throw new ApiError('METHOD_NOT_ALLOWED', `${context.req.method} is not possible here; ${allow} are`, {
        Allow: allow,
      });
    });
  }
}
