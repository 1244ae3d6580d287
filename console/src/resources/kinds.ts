import type { PipelinePage, ResourceKind } from "../api";

/** The kinds of resources of all pipelines, each once. */
export function kindsOf(pipelines: PipelinePage | undefined): ResourceKind[] {
  const kinds = new Map<string, ResourceKind>();
  for (const pipeline of pipelines?.items ?? []) {
    for (const kind of pipeline.resourceKinds) {
      kinds.set(kind.kind, kind);
    }
  }
  return [...kinds.values()];
}
