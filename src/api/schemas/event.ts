/** Events as HTTP tells them. */
import { z } from '@hono/zod-openapi';
import { EVENT_NAMES, GAP } from '../../control/events.ts';
import { moment, oneOf, portName, strictObject } from './common.ts';

const eventName = oneOf(EVENT_NAMES);

export const switchEvent = z
  .looseObject({
    event: oneOf([...EVENT_NAMES, GAP]).openapi({ description: 'What happened.' }),
    time: moment,
    port: portName.optional().openapi({ description: 'The port that it happened to.' }),
  })
  .openapi('Event', { description: 'What happened, and further fields that depend on it.' });

export const eventQuery = strictObject({
  name: z
    .union([eventName, z.array(eventName)], { error: `must be one of ${EVENT_NAMES.join(', ')}` })
    .transform((names) => new Set([names].flat()))
    .optional()
    .openapi({
      param: { name: 'name', in: 'query', style: 'form', explode: true },
      type: 'array',
      items: { type: 'string', enum: [...EVENT_NAMES] },
      description: 'Only events of these names; may be repeated. All by default.',
    }),
});

const EVENT_ID_CHARACTERS_MAX = 64;

export const eventHeaders = z.object({
  'last-event-id': z
    .string()
    .max(EVENT_ID_CHARACTERS_MAX, 'is no id that this route gave')
    .optional()
    .openapi({ description: '`id` of the last event that the client got before it was interrupted.' }),
});
