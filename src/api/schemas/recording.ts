/** Recordings as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { CAPTURE_STATES, RECORDING_ENDS } from '../../control/model.ts';
import {
  RECORDING_BYTES_DEFAULT,
  RECORDING_BYTES_MAX,
  RECORDING_BYTES_MIN,
  RECORDING_COUNT_MAX,
  RECORDING_SECONDS_MAX,
} from '../../control/recording/recording-request.ts';
import { count, integer, moment, optional, strictObject } from './common.ts';

const askedFields = {
  count: integer(1, RECORDING_COUNT_MAX).nullable().openapi({
    description: 'Frames after which it ends, or a batch later; null (default): no limit.',
    example: 1000,
  }),
  seconds: integer(1, RECORDING_SECONDS_MAX)
    .nullable()
    .openapi({
      description: `Seconds after which it ends, 1 to ${RECORDING_SECONDS_MAX}; null (default): no limit.`,
      example: 10,
    }),
  maxBytes: integer(RECORDING_BYTES_MIN, RECORDING_BYTES_MAX).openapi({
    description: `Bytes after which it ends, ${RECORDING_BYTES_MIN} to ${RECORDING_BYTES_MAX}, in the daemon's memory while it runs; each worker has its share of them. ${RECORDING_BYTES_DEFAULT} by default.`,
    example: RECORDING_BYTES_DEFAULT,
  }),
};

export const recordingRequest = strictObject(optional(askedFields)).openapi('RecordingRequest');

export const recordingId = z.string().openapi({ description: 'Id of the recording.', example: '9f86d081884c7d65' });

export const recordingView = z
  .object({
    id: recordingId,
    state: z.enum(CAPTURE_STATES).openapi({ description: '`waiting` for its reader, `running` or `ended`.' }),
    ...askedFields,
    workers: count('Workers of the switch, each of which records a section of its own. With one, a replay is exact.'),
    started: moment.nullable().openapi({ description: 'When it began to run; null: not yet.' }),
    ended: moment.nullable().openapi({ description: 'When it ended; null: not yet.' }),
    reason: z.enum(RECORDING_ENDS).nullable().openapi({
      description:
        'Why it ended: `stopped` by somebody; it has got its `count`, its `seconds`, its `maxBytes` (`size`); its `reader` went away; a `worker` was replaced; the `daemon` ended. Null: it has not.',
    }),
    frames: count('Frames recorded.'),
    bytes: count('Bytes of the recording.'),
  })
  .openapi('Recording');
