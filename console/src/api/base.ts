import { createApi, fetchBaseQuery } from "@reduxjs/toolkit/query/react";

/** Where the server is mounted: the page stands at its root. */
export const root = new URL(".", document.baseURI).pathname;

/** What the generated endpoints are injected into. */
export const base = createApi({
  reducerPath: "api",
  baseQuery: fetchBaseQuery({ baseUrl: root }),
  // Events tell of campaigns alone, so what is shown anew is asked for anew.
  refetchOnMountOrArgChange: true,
  endpoints: () => ({}),
});
