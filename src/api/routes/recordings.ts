/** /v1/recordings: the exact inputs of the workers, for `tswitch replay`. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { recordingId, recordingRequest, recordingView } from '../schemas/recording.ts';
import { errors, json, jsonBody } from './responses.ts';

const tags = ['recordings'];
const nothing = strictObject({});
const params = z.object({ id: recordingId });
const PCAPNG = 'application/x-pcapng';

const listRecordings = createRoute({
  method: 'get',
  path: '/v1/recordings',
  summary: 'List the recordings that run, wait for their readers, or ended lately',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ recordings: z.array(recordingView).openapi({ description: 'In the order they were asked for.' }) }),
      'The recordings.',
    ),
    ...errors('BAD_REQUEST'),
  },
});

const addRecording = createRoute({
  method: 'post',
  path: '/v1/recordings',
  summary: 'Ask for a recording',
  description: 'It begins when its stream is read, and is forgotten if nobody reads it within 30 seconds.',
  tags,
  request: { query: nothing, body: jsonBody(recordingRequest) },
  responses: {
    201: json(recordingView, 'The recording, which waits for its reader.'),
    ...errors('BAD_REQUEST', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
  },
});

const showRecording = createRoute({
  method: 'get',
  path: '/v1/recordings/{id}',
  summary: 'Show one recording',
  tags,
  request: { params, query: nothing },
  responses: { 200: json(recordingView, 'The recording.'), ...errors('BAD_REQUEST', 'RECORDING_NOT_FOUND') },
});

const readRecording = createRoute({
  method: 'get',
  path: '/v1/recordings/{id}/stream',
  summary: 'Run a recording and read it',
  description:
    'What `tswitch replay` takes: pcapng, with a section per worker, whole frames as they entered, and in blocks of its own all else that a replay needs (docs/decisions/0023). It goes on until the recording has got what was asked for, is stopped (DELETE), or the client goes. One runs at a time. Over TCP it needs a token that may do more than read.',
  tags,
  request: { params, query: nothing },
  responses: {
    200: {
      description: 'The recording.',
      content: { [PCAPNG]: { schema: z.string().openapi({ format: 'binary', description: 'pcapng.' }) } },
    },
    ...errors('BAD_REQUEST', 'RECORDING_NOT_FOUND', 'RECORDING_BUSY'),
  },
});

const stopRecording = createRoute({
  method: 'delete',
  path: '/v1/recordings/{id}',
  summary: 'Stop a recording',
  description:
    'What was recorded until now still reaches its reader, and its counts stay listed. One that waits is forgotten.',
  tags,
  request: { params, query: nothing },
  responses: {
    204: { description: 'It is stopped, or forgotten, or had ended already.' },
    ...errors('BAD_REQUEST', 'RECORDING_NOT_FOUND'),
  },
});

/** @param ended ends all streams when it is aborted */
export function recordingRoutes({ recordings }: SwitchControl, ended: AbortSignal): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(listRecordings, (context) => context.json({ recordings: recordings.list() }, 200));
  app.openapi(addRecording, (context) => context.json(recordings.add(defined(context.req.valid('json'))), 201));
  app.openapi(showRecording, (context) => context.json(recordings.show(context.req.valid('param').id), 200));
  app.openapi(readRecording, async (context) => {
    const { id } = context.req.valid('param');
    // HEAD comes here as well; it must not take the place of the one reader.
    if (context.req.method === 'HEAD') {
      recordings.show(id);
      return context.body(null, 200, { 'Content-Type': PCAPNG });
    }
    const recording = await recordings.read(id);
    ended.addEventListener('abort', () => void recordings.stop(id).catch(() => {}));
    return context.body(recording, 200, { 'Content-Type': PCAPNG });
  });
  app.openapi(stopRecording, async (context) => {
    await recordings.stop(context.req.valid('param').id);
    return context.body(null, 204);
  });
  return app;
}
