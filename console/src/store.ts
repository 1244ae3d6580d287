import { configureStore } from "@reduxjs/toolkit";
import { setupListeners } from "@reduxjs/toolkit/query";
import { useDispatch, useSelector } from "react-redux";
import { base } from "./api/base";
import { live } from "./live/slice";

export const store = configureStore({
  reducer: { [base.reducerPath]: base.reducer, [live.reducerPath]: live.reducer },
  middleware: (defaults) => defaults().concat(base.middleware),
});

// So that it is known whether anybody looks at the page.
setupListeners(store.dispatch);

export const useAppDispatch = useDispatch.withTypes<typeof store.dispatch>();
export const useAppSelector = useSelector.withTypes<ReturnType<typeof store.getState>>();
