import { createApi, fetchBaseQuery } from "@reduxjs/toolkit/query/react";

/** Where the server is mounted: the page stands at its root. */
export const root = new URL(".", document.baseURI).pathname;

/** What the generated endpoints are injected into. */
export const base = createApi({
  reducerPath: "api",
  baseQuery: fetchBaseQuery({ baseUrl: root }),
  endpoints: () => ({}),
});
