/** /v1/captures: frames as pcapng, while they come. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { captureId, captureRequest, captureView } from '../schemas/capture.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { errors, json, jsonBody } from './responses.ts';

const tags = ['captures'];
const nothing = strictObject({});
const params = z.object({ id: captureId });
const PCAPNG = 'application/x-pcapng';

const listCaptures = createRoute({
  method: 'get',
  path: '/v1/captures',
  summary: 'List the captures that run, wait for their readers, or ended lately',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ captures: z.array(captureView).openapi({ description: 'In the order they were asked for.' }) }),
      'The captures.',
    ),
    ...errors('BAD_REQUEST'),
  },
});

const addCapture = createRoute({
  method: 'post',
  path: '/v1/captures',
  summary: 'Ask for a capture',
  description:
    'It begins when its stream is read, and is forgotten if nobody reads it within 30 seconds. Traffic never waits for it: frames that come faster than they are taken are missed, and counted.',
  tags,
  request: { query: nothing, body: jsonBody(captureRequest) },
  responses: {
    201: json(captureView, 'The capture, which waits for its reader.'),
    ...errors('BAD_REQUEST', 'PORT_NOT_FOUND', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'LIMIT_REACHED'),
  },
});

const showCapture = createRoute({
  method: 'get',
  path: '/v1/captures/{id}',
  summary: 'Show one capture',
  tags,
  request: { params, query: nothing },
  responses: { 200: json(captureView, 'The capture.'), ...errors('BAD_REQUEST', 'CAPTURE_NOT_FOUND') },
});

const readCapture = createRoute({
  method: 'get',
  path: '/v1/captures/{id}/stream',
  summary: 'Run a capture and read it',
  description:
    'A pcapng section that Wireshark and tshark read as it comes: an interface per port, each packet with its direction and, in its comment, port, VLAN, drop reason and what its virtio-net header leaves to be done; at the end statistics per interface, with what was missed. It goes on until the capture has got what was asked for, is stopped (DELETE), or the client goes. Over TCP it needs a token that may do more than read.',
  tags,
  request: { params, query: nothing },
  responses: {
    200: {
      description: 'The pcapng section.',
      content: { [PCAPNG]: { schema: z.string().openapi({ format: 'binary', description: 'pcapng.' }) } },
    },
    ...errors('BAD_REQUEST', 'CAPTURE_NOT_FOUND', 'CAPTURE_BUSY', 'LIMIT_REACHED'),
  },
});

const stopCapture = createRoute({
  method: 'delete',
  path: '/v1/captures/{id}',
  summary: 'Stop a capture',
  description:
    'What was captured until now still reaches its reader, and its counts stay listed. One that does not run is forgotten.',
  tags,
  request: { params, query: nothing },
  responses: {
    204: { description: 'It is stopped, or forgotten.' },
    ...errors('BAD_REQUEST', 'CAPTURE_NOT_FOUND'),
  },
});

/** @param ended ends all streams when it is aborted */
export function captureRoutes(control: SwitchControl, ended: AbortSignal): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(listCaptures, (context) => context.json({ captures: control.captures.list() }, 200));
  app.openapi(addCapture, (context) => context.json(control.captures.add(defined(context.req.valid('json'))), 201));
  app.openapi(showCapture, (context) => context.json(control.captures.show(context.req.valid('param').id), 200));
  app.openapi(readCapture, async (context) => {
    const { id } = context.req.valid('param');
    // HEAD comes here as well; it must not take the place of the one reader.
    if (context.req.method === 'HEAD') {
      control.captures.show(id);
      return context.body(null, 200, { 'Content-Type': PCAPNG });
    }
    const section = await control.captures.read(id);
    ended.addEventListener('abort', () => stopQuietly(control, id));
    return context.body(section, 200, { 'Content-Type': PCAPNG });
  });
  app.openapi(stopCapture, (context) => {
    control.captures.stop(context.req.valid('param').id);
    return context.body(null, 204);
  });
  return app;
}

function stopQuietly(control: SwitchControl, id: string): void {
  if (control.captures.list().some((capture) => capture.id === id && capture.state === 'running'))
    control.captures.stop(id);
}
