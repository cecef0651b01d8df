/** The OpenAPI document as one Markdown page: docs/api.md, written by `npm run docs`. */
import type { OpenAPIHono } from '@hono/zod-openapi';

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>;
type PathItem = NonNullable<Document['paths']>[string];
type Operation = NonNullable<PathItem['get']>;
type Schema = NonNullable<NonNullable<Document['components']>['schemas']>[string];

/** What OpenAPI has for one status. */
interface Answer {
  description?: string;
  content?: Record<string, { schema?: Schema }>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

export function renderMarkdown(document: Document): string {
  const { title, description = '' } = document.info;
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) => renderPath(path, item));
  const shapes = Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => renderShape(name, schema));
  const parts = [
    `# The HTTP API of ${title}`,
    'Made by `npm run docs` from the OpenAPI document, which the daemon serves at `/openapi.json`.',
    prose(description),
    '## Routes',
    ...operations,
    '## Shapes',
    ...shapes,
  ];
  return `${parts.join('\n\n')}\n`;
}

function renderPath(path: string, item: PathItem): string[] {
  return METHODS.flatMap((method) => {
    const operation = item[method];
    return operation ? [renderOperation(`${method.toUpperCase()} ${path}`, operation)] : [];
  });
}

function renderOperation(title: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).flatMap((parameter) =>
    'name' in parameter
      ? [
          [
            `\`${parameter.name}\``,
            parameter.in,
            parameter.schema ? typeOf(parameter.schema) : '',
            prose(parameter.description ?? ''),
          ],
        ]
      : [],
  );
  const body = operation.requestBody && 'content' in operation.requestBody ? operation.requestBody.content : {};
  const bodySchema = body['application/json']?.schema;
  const responses: Record<string, Answer> = operation.responses ?? {};
  const answers = Object.entries(responses).map(([status, { description = '', content }]) => [
    status,
    Object.entries(content ?? {})
      .map(([type, { schema }]) => (type === 'application/json' && schema ? typeOf(schema) : `\`${type}\``))
      .join(', '),
    prose(description),
  ]);
  return [
    `### ${title}`,
    `${prose(operation.summary ?? '')}. ${prose(operation.description ?? '')}`,
    ...(parameters.length > 0 ? [table(['Parameter', 'In', 'Type', 'Meaning'], parameters)] : []),
    ...(bodySchema ? [`Body: ${typeOf(bodySchema)}`] : []),
    table(['Status', 'Body', 'Meaning'], answers),
  ].join('\n\n');
}

function renderShape(name: string, schema: Schema): string {
  const required = 'required' in schema ? schema.required : undefined;
  const properties = ('properties' in schema && schema.properties) || {};
  const rows = Object.entries(properties).flatMap(([field, value]) => rowsOf(field, value, required));
  return `### ${name}\n\n${table(['Field', 'Type', 'Meaning'], rows)}`;
}

/** A row for the field, and for each field of an object that has no name of its own. */
function rowsOf(field: string, schema: Schema, required: readonly string[] | undefined): string[][] {
  const isRequired = required?.includes(field.split(/[.[]/).at(-1) ?? field);
  const row = [`\`${field}\`${isRequired ? '' : ' (optional)'}`, typeOf(schema), prose(schema.description ?? '')];
  if ('$ref' in schema) return [row];
  const inner = schema.items && !('$ref' in schema.items) ? schema.items : schema;
  const prefix = inner === schema ? field : `${field}[]`;
  const nested = Object.entries(inner.properties ?? {});
  return [row, ...nested.flatMap(([name, value]) => rowsOf(`${prefix}.${name}`, value, inner.required))];
}

function typeOf(schema: Schema): string {
  if ('$ref' in schema) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  const alternatives = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (alternatives) return alternatives.map(typeOf).join(' or ');
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (typeof schema.additionalProperties === 'object') return `map to ${typeOf(schema.additionalProperties)}`;
  const { minimum, maximum } = schema;
  const range = minimum !== undefined && maximum !== undefined ? ` ${minimum} to ${maximum}` : '';
  return [schema.type ?? 'any'].flat().join(' or ') + range;
}

function table(heads: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text in one line, in which nothing but \`code\` is markup. */
function prose(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/`[^`]*`|[*_<>[\]]/g, (part) => (part.startsWith('`') ? part : `\\${part}`));
}
