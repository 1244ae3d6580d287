import { Center, Loader } from "@mantine/core";
import { lazy, Suspense } from "react";
import { Navigate, Route, Routes } from "react-router";
import { CampaignPage } from "./campaign/CampaignPage";
import { CampaignList } from "./campaigns/CampaignList";
import { Broken } from "./shell/Broken";
import { Nowhere } from "./shell/Nowhere";
import { Shell } from "./shell/Shell";

const Resources = lazy(() => import("./resources/ResourcesPage"));

const waiting = (
  <Center mih="40vh">
    <Loader aria-label="Loading" />
  </Center>
);

export function App() {
  return (
    <Shell>
      <Broken>
        <Suspense fallback={waiting}>
          <Routes>
            <Route index element={<Navigate to="/campaigns" replace />} />
            <Route path="campaigns" element={<CampaignList />} />
            <Route path="campaigns/:id" element={<CampaignPage />} />
            <Route path="resources" element={<Resources />} />
            <Route path="resources/:kind" element={<Resources />} />
            <Route path="*" element={<Nowhere />} />
          </Routes>
        </Suspense>
      </Broken>
    </Shell>
  );
}
