declare module "virtual:land-outline" {
  export const land: GeoJSON.FeatureCollection;
}
declare module "*?worker&url" {
  const url: string;
  export default url;
}
declare module "*.css";
