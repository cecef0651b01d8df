/** `serve --config FILE`: the document that a daemon begins with or reloads, and errors about it with places in the file. */
import { readDocument } from '../../api/config-document.ts';
import { problemsIn } from '../../control/wish/problem.ts';
import type { WholeRequest } from '../../networks/config/whole-config.ts';
import { parseConfigFile, problemLines, readConfigFile } from '../config-file.ts';
import { CliError } from '../errors.ts';

export interface ConfigAtStart {
  /** As it is in the file. */
  text: string;
  document: WholeRequest;
  /** Says what the document is refused for line by line; other errors are given back as they are. */
  explain: (error: unknown) => unknown;
}

/** @throws CliError with everything that is wrong with the file's shape */
export async function readConfigAtStart(file: string): Promise<ConfigAtStart> {
  const text = await readConfigFile(file);
  const parsed = parseConfigFile(text, file);
  const explain = (error: unknown): unknown => {
    const problems = problemsIn(error);
    return problems.length === 0 ? error : new CliError(problemLines(problems, parsed), { cause: error });
  };
  try {
    return { text, document: readDocument(parsed.document), explain };
  } catch (error) {
    throw explain(error);
  }
}
