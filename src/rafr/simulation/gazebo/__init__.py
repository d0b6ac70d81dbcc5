"""The operating room in Gazebo Harmonic: the same plant, carried by another engine in another process.

    this process                                  Gazebo's server (gz sim)
    GazeboPlant  -- request: calls, step -->      PlantSystem: Plant on a GazeboEngine
                 <-- reply: the room's state --     forces before, state after each physics step
                 <-- force-torque sensor ----     ForceTorque, DiffDrive: Gazebo's own systems

Every step is asked for, so both clocks are one.
"""
