"""Radiographs computed from a CT: attenuation, view, projector, bodies and metal, measurement, picture."""
