/**
 * Looks at a logic in a thread of its own, started by file name: loads it, checks its parameters, runs the contract. So the
 * daemon's main thread never runs code of a logic, and one that does not come back is ended with the thread.
 */
import { z } from 'zod';
import { loadLogic, withOriginalPaths } from '../datapath/logic-loader.ts';
import type { LogicCheckResult, LogicCheckTask } from '../shared/logic-check.ts';
import type { AnyLogic } from '../switching/logic.ts';
import { type LogicShape, shapeOf } from '../switching/logic-shape.ts';
import { contract } from './contract.ts';
import { ParamsRefused, parseParams } from './params.ts';
import { Sandbox } from './sandbox-switch.ts';
import { speedOf } from './speed.ts';

export default function check({ module, file, params, isWhole, isTimed }: LogicCheckTask): LogicCheckResult {
  try {
    const logic = loadLogic(module, file);
    const schema = logic.params?.(z) ?? null;
    const parsed = parseParams(schema, params);
    return {
      answer: {
        shape: shape(logic, params),
        params: parsed,
        paramsSchema: schema && z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }),
        rules: isWhole ? contract(logic, params).map((each) => ({ ...each, text: withOriginalPaths(each.text) })) : [],
        speed: isTimed ? speedOf(logic, params) : null,
      },
    };
  } catch (error) {
    const { message, stack = null } = error instanceof Error ? error : new Error(String(error));
    return {
      error: {
        message: placeOf(stack) + withOriginalPaths(message),
        stack: stack === null ? null : withOriginalPaths(stack),
        problems: error instanceof ParamsRefused ? error.problems : [],
      },
    };
  }
}

/** `FILE:LINE: ` where a stack begins with it, as that of code that cannot be read does. */
function placeOf(stack: string | null): string {
  const place = /^\S+:\d+$/.exec(stack?.split('\n')[0] ?? '')?.[0];
  return place === undefined ? '' : `line ${place.slice(place.lastIndexOf(':') + 1)}: `;
}

/** By making it once, as a worker would. */
function shape(logic: AnyLogic, params: object): LogicShape {
  let made: unknown;
  const spy = {
    ...logic,
    create: (setup: never) => {
      const instance = logic.create(setup);
      made = instance;
      return instance;
    },
  };
  new Sandbox({ ports: ['a', 'b'], logic: spy, params });
  return shapeOf(logic, made);
}
