declare module "virtual:land-outline" {
  export const land: GeoJSON.FeatureCollection;
}
declare module "*?worker&url" {
  const url: string;
  // biome-ignore lint/style/noDefaultExport: how the bundler gives an address
  export default url;
}
declare module "*.css";
