/**
 * Looks at the logics of a document where nobody asks them: what they are named, and what is wrong with them. So a document
 * with a faulty one is refused before anything of it is done.
 */
import { TswitchError } from '../errors.ts';
import { pointer, type Problem } from '../wish/problem.ts';
import type { LogicWish, WishedLogic } from '../wish/wish.ts';
import { LogicMaker } from './maker.ts';
import type { RunRecord } from './run-record.ts';

export interface LogicsLook {
  logics: WishedLogic[];
  problems: Problem[];
}

/**
 * @param current those that are wished already: what is the same as one of them is not looked at again
 * @param runRecord at a start: what is held back is not looked at either, as that runs it
 */
export async function lookAtLogics(
  wanted: readonly LogicWish[],
  current: readonly WishedLogic[],
  runRecord: RunRecord | null = null,
): Promise<LogicsLook> {
  const logics: WishedLogic[] = [];
  const problems: Problem[] = [];
  const maker = new LogicMaker(1, runRecord);
  try {
    for (const [index, wish] of wanted.entries()) {
      const path = pointer('logics', index);
      try {
        const logic = current.find((each) => isSame(wish, each)) ?? (await lookAt(maker, wish, runRecord));
        const found = bindingProblem(logics, { ...logic, ...scopeOf(wish) });
        if (found === null) logics.push({ ...logic, ...scopeOf(wish) });
        else problems.push({ path, code: 'BAD_REQUEST', message: found });
      } catch (error) {
        if (!(error instanceof TswitchError)) throw error;
        problems.push({ path, code: error.code, message: error.message });
      }
    }
  } finally {
    await maker.close();
  }
  return { logics, problems };
}

async function lookAt(maker: LogicMaker, wish: LogicWish, runRecord: RunRecord | null): Promise<WishedLogic> {
  const { params = {}, shadow = false } = wish;
  const sha256 = runRecord === null ? '' : await maker.digest(wish);
  const held = runRecord?.held({ file: wish.file, sha256, params, shadow }) ?? null;
  if (held?.name) return { name: held.name, file: wish.file, sha256, params, shadow, ...scopeOf(wish) };
  if (held) throw new TswitchError('LOGIC_REFUSED', `${wish.file} is not loaded: ${held.reason}`);
  const { file, given, staged, checked } = await maker.prepare(wish, { isWhole: true });
  const { name } = checked.shape;
  return { name, file, sha256: staged.sha256, params: given, ...scopeOf(wish), shadow: wish.shadow ?? false };
}

function scopeOf({ ports = [], vlans = [] }: LogicWish): Pick<WishedLogic, 'ports' | 'vlans'> {
  return { ports, vlans };
}

/** Its file need not even be there any more. */
function isSame({ file, sha256, params = {}, shadow = false }: LogicWish, known: WishedLogic): boolean {
  const isSameCode = file === known.file && sha256 === known.sha256;
  return isSameCode && shadow === known.shadow && JSON.stringify(params) === JSON.stringify(known.params);
}

/** What of one name is live and what is in shadow see the same frames. */
function bindingProblem(before: readonly WishedLogic[], { name, shadow, ports, vlans }: WishedLogic): string | null {
  const others = before.filter((each) => each.name === name);
  if (others.some((each) => each.shadow === shadow)) {
    return `logic ${name} is in the list already: one may be live and one in shadow (\`shadow: true\`)`;
  }
  const binding = JSON.stringify([ports, vlans]);
  const isBoundAlike = others.every((each) => JSON.stringify([each.ports, each.vlans]) === binding);
  return isBoundAlike ? null : `logic ${name} is live for other ports or VLANs: give both the same`;
}
